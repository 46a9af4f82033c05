/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a refusal means. AWS tells its name in three ways: JSON's __type (or the x-amzn-errortype header), the query
 * services' <ErrorResponse><Error><Code>, S3's <Error><Code>. The name decides; the status only where there is none.
 */
#include "aws/classify.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "aws/xml.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"

#define QUOTE_MOST ((size_t)200)
#define WORDS_MOST ((size_t)2000) /* of AWS's own message: some quote a whole policy */

struct meaning {
    const char *name;
    enum error_code code;
    const char *advice; /* what to do; NULL: the message says enough */
};

/* Names of all the services that we call; where two share a name, it means the same. */
static const struct meaning meanings[] = {
    {"BandwidthLimitExceeded", ERROR_THROTTLED, NULL},
    {"EC2ThrottledException", ERROR_THROTTLED, NULL},
    {"KMS.ThrottlingException", ERROR_THROTTLED, NULL},
    {"KMSThrottlingException", ERROR_THROTTLED, NULL},
    {"PriorRequestNotComplete", ERROR_THROTTLED, NULL},
    {"ProvisionedThroughputExceededException", ERROR_THROTTLED, NULL},
    {"RequestLimitExceeded", ERROR_THROTTLED, NULL},
    {"RequestThrottled", ERROR_THROTTLED, NULL},
    {"RequestThrottledException", ERROR_THROTTLED, NULL},
    {"SlowDown", ERROR_THROTTLED, NULL},
    {"ThrottledException", ERROR_THROTTLED, NULL},
    {"Throttling", ERROR_THROTTLED, NULL},
    {"ThrottlingException", ERROR_THROTTLED, NULL},
    {"TooManyRequestsException", ERROR_THROTTLED, NULL},

    {"BadDigest", ERROR_TRANSIENT, NULL}, /* the bytes were damaged on their way: ours are right */
    {"ConditionalRequestConflict", ERROR_TRANSIENT, NULL},
    {"IDPCommunicationError", ERROR_TRANSIENT, NULL},
    {"IncompleteBody", ERROR_TRANSIENT, NULL},
    {"InternalError", ERROR_TRANSIENT, NULL},
    {"InternalFailure", ERROR_TRANSIENT, NULL},
    {"InternalServerError", ERROR_TRANSIENT, NULL},
    {"OperationAborted", ERROR_TRANSIENT, NULL},
    {"OperationAbortedException", ERROR_TRANSIENT, NULL},
    {"RequestTimeout", ERROR_TRANSIENT, NULL},
    {"RequestTimeoutException", ERROR_TRANSIENT, NULL},
    {"ServiceUnavailable", ERROR_TRANSIENT, NULL},
    {"ServiceUnavailableException", ERROR_TRANSIENT, NULL},
    {"TransactionInProgressException", ERROR_TRANSIENT, NULL},
    {"XAmzContentSHA256Mismatch", ERROR_TRANSIENT, NULL},

    {"ExpiredToken", ERROR_EXPIRED, NULL},
    {"ExpiredTokenException", ERROR_EXPIRED, NULL},
    {"InvalidAccessKeyId", ERROR_EXPIRED, "the access key is unknown to AWS"},
    {"InvalidClientTokenId", ERROR_EXPIRED, "the access key is unknown to AWS"},
    {"InvalidToken", ERROR_EXPIRED, NULL},
    {"TokenRefreshRequired", ERROR_EXPIRED, NULL},
    {"UnrecognizedClientException", ERROR_EXPIRED, "the access key is unknown to AWS"},

    {"RequestExpired", ERROR_SKEW, NULL},
    {"RequestInTheFuture", ERROR_SKEW, NULL},
    {"RequestTimeTooSkewed", ERROR_SKEW, NULL},

    {"AuthorizationHeaderMalformed", ERROR_REGION, NULL},
    {"PermanentRedirect", ERROR_REGION, NULL},
    {"TemporaryRedirect", ERROR_REGION, NULL},

    {"NoSuchBucket", ERROR_NOT_FOUND, "see Bucket= and Region="},
    {"NoSuchEntity", ERROR_NOT_FOUND, NULL},
    {"NoSuchKey", ERROR_NOT_FOUND, NULL},
    {"NoSuchUpload", ERROR_NOT_FOUND, NULL},
    {"NotFoundException", ERROR_NOT_FOUND, NULL},
    {"ResourceNotFoundException", ERROR_NOT_FOUND, NULL},
    {"TableNotFoundException", ERROR_NOT_FOUND, NULL},

    {"AlreadyExistsException", ERROR_EXISTS, NULL},
    {"BucketAlreadyExists", ERROR_EXISTS, NULL},
    {"BucketAlreadyOwnedByYou", ERROR_EXISTS, NULL},
    {"EntityAlreadyExists", ERROR_EXISTS, NULL},
    {"PreconditionFailed", ERROR_EXISTS, NULL},
    {"ResourceAlreadyExistsException", ERROR_EXISTS, NULL},
    {"ResourceInUseException", ERROR_EXISTS, NULL},

    {"AccessDenied", ERROR_DENIED, NULL},
    {"AccessDeniedException", ERROR_DENIED, NULL},
    {"AllAccessDisabled", ERROR_DENIED, NULL},
    {"IncompleteSignature", ERROR_DENIED, NULL},
    {"InvalidSignatureException", ERROR_DENIED, "the secret key does not belong to the access key"},
    {"KMS.AccessDeniedException", ERROR_DENIED, "the role may lack a permission on the KMS key"},
    {"MissingAuthenticationToken", ERROR_DENIED, NULL},
    {"MissingAuthenticationTokenException", ERROR_DENIED, NULL},
    {"NotAuthorized", ERROR_DENIED, NULL},
    {"OptInRequired", ERROR_DENIED, NULL},
    {"SignatureDoesNotMatch", ERROR_DENIED, "the secret key does not belong to the access key"},
    {"UnauthorizedOperation", ERROR_DENIED, NULL},

    {"MessageRejected", ERROR_INVALID,
     "in the SES sandbox every address must be verified first, and From= always must be"},
    {"MailFromDomainNotVerifiedException", ERROR_INVALID, "verify the domain of From= in SES"},
};

/* What an answer tells of itself; owned. */
struct refusal {
    char *name, *words, *request_id, *region;
};

#define _cleanup_refusal_ __attribute__((cleanup(refusal_fini)))

static void refusal_fini(struct refusal *refusal) {
    free(refusal->name);
    free(refusal->words);
    free(refusal->request_id);
    free(refusal->region);
    *refusal = (struct refusal){0};
}

/* "com.amazonaws.dynamodb.v20120810#ThrottlingException:http://..." -> "ThrottlingException" */
static char *bare_name(const char *text) {
    const char *hash = text ? strchr(text, '#') : NULL;
    if (hash)
        text = hash + 1;
    return text && *text ? x_strndup(text, strcspn(text, ":")) : NULL;
}

static const char *first_of(const char *a, const char *b) {
    return a ? a : b;
}

static char *first_header(const struct http_answer *answer, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *value = http_answer_header(answer, names[i]);
        if (value)
            return x_strdup(value);
    }
    return NULL;
}

static const char *skip_blanks(const char *text) {
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* False: the body is not the JSON of a refusal. */
static bool read_json(struct refusal *refusal, const struct http_answer *answer) {
    _cleanup_json_ struct json_object *body = json_parse(answer->body, answer->length, NULL);
    if (!body || !json_object_is_type(body, json_type_object))
        return false;
    const char *name = first_of(json_string(body, "__type"), json_string(body, "code"));
    if (!refusal->name)
        refusal->name = bare_name(first_of(name, json_string(body, "Code")));
    refusal->words = x_strdup(first_of(json_string(body, "message"), json_string(body, "Message")));
    return true;
}

/* Where the three kinds of documents keep the same thing. */
static char *find_in_error(const struct http_answer *answer, const char *member) {
    static const char *const roots[] = {"Error", "ErrorResponse/Error", "Response/Errors/Error"};
    for (size_t i = 0; i < array_length(roots); i++) {
        _cleanup_free_ char *path = x_printf("%s/%s", roots[i], member);
        char *found = xml_find(answer->body, answer->length, path);
        if (found)
            return found;
    }
    return NULL;
}

static bool read_xml(struct refusal *refusal, const struct http_answer *answer) {
    char *name = find_in_error(answer, "Code");
    if (!name)
        return false;
    free(refusal->name);
    refusal->name = name;
    refusal->words = find_in_error(answer, "Message");
    refusal->region = find_in_error(answer, "Region");
    if (!refusal->request_id)
        refusal->request_id = find_in_error(answer, "RequestId");
    if (!refusal->request_id)
        refusal->request_id = xml_find(answer->body, answer->length, "ErrorResponse/RequestId");
    return true;
}

/* Somebody on the way who is not AWS: his words, cut and printable. */
static char *quote(const struct http_answer *answer) {
    const char *body = skip_blanks(answer->body);
    size_t left = answer->length - (size_t)(body - answer->body), length = left < QUOTE_MOST ? left : QUOTE_MOST;
    if (length == 0)
        return NULL;
    return x_printf("\"%.*s\"%s", (int)length, body, length < left ? "..." : "");
}

/* Everything that came from outside goes into one line of a log. Bytes that are no text become '?'. */
static void make_printable(char *text, size_t most) {
    if (!text)
        return;
    if (strlen(text) > most)
        text[most] = '\0';
    bool utf8 = utf8_valid(text, strlen(text));
    for (char *c = text; *c; c++) {
        if (isspace((unsigned char)*c))
            *c = ' ';
        else if (iscntrl((unsigned char)*c) || (!utf8 && !isprint((unsigned char)*c)))
            *c = '?';
    }
}

static void read_refusal(struct refusal *refusal, const struct http_answer *answer) {
    static const char *const ids[] = {"x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"};
    const char *body = skip_blanks(answer->body);
    bool known = false;
    *refusal = (struct refusal){
        .name = bare_name(http_answer_header(answer, "x-amzn-errortype")),
        .request_id = first_header(answer, ids, array_length(ids)),
    };
    if (*body == '{')
        known = read_json(refusal, answer);
    else if (*body == '<')
        known = read_xml(refusal, answer);
    if (!known)
        refusal->words = quote(answer);
    make_printable(refusal->name, QUOTE_MOST);
    make_printable(refusal->words, WORDS_MOST);
    make_printable(refusal->request_id, QUOTE_MOST);
}

static enum error_code code_of_status(int status) {
    if (status == 429)
        return ERROR_THROTTLED;
    if (status == 301)
        return ERROR_REGION;
    if (status == 401 || status == 403)
        return ERROR_DENIED;
    if (status == 404)
        return ERROR_NOT_FOUND;
    if (status == 412)
        return ERROR_EXISTS;
    if (status == 408 || (status >= 500 && status != 501 && status != 505))
        return ERROR_TRANSIENT;
    return ERROR_INVALID;
}

static const struct meaning *meaning_of(const char *name) {
    for (size_t i = 0; name && i < array_length(meanings); i++) {
        if (strcmp(meanings[i].name, name) == 0)
            return &meanings[i];
    }
    return NULL;
}

/* "Signature expired: 20250706T020000Z is now earlier than ...", "Signature not yet current: ...": a matter of clocks. */
static bool tells_of_skew(const struct refusal *refusal) {
    return refusal->words &&
           (strstr(refusal->words, "Signature expired") || strstr(refusal->words, "Signature not yet current"));
}

/* DynamoDB's LimitExceededException: too many tables being made at once. Elsewhere it is a quota, and waiting is in vain. */
static bool is_passing_limit(enum aws_service service, const struct refusal *refusal) {
    return service == AWS_DYNAMODB && refusal->name && strcmp(refusal->name, "LimitExceededException") == 0;
}

/* HEAD of a bucket elsewhere: 400 without a body, and the header. */
static bool is_bodiless_redirect(enum aws_service service, const struct refusal *refusal,
                                 const struct http_answer *answer) {
    return service == AWS_S3 && answer->status == 400 && !refusal->name && answer->length == 0 &&
           http_answer_header(answer, "x-amz-bucket-region");
}

static enum error_code decide(enum aws_service service, const struct refusal *refusal,
                              const struct http_answer *answer) {
    const struct meaning *meaning = meaning_of(refusal->name);
    if (is_passing_limit(service, refusal))
        return ERROR_THROTTLED;
    if (is_bodiless_redirect(service, refusal, answer))
        return ERROR_REGION;
    if (!meaning)
        return code_of_status(answer->status);
    return meaning->code == ERROR_DENIED && tells_of_skew(refusal) ? ERROR_SKEW : meaning->code;
}

/* "403 AccessDenied: WORDS (request ID)" */
static void tell(struct error *error, enum error_code code, const struct refusal *refusal, int status) {
    const struct meaning *meaning = meaning_of(refusal->name);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&text, "%d", status);
    if (refusal->name)
        buffer_printf(&text, " %s", refusal->name);
    if (refusal->words && *refusal->words)
        buffer_printf(&text, ": %s", refusal->words);
    if (refusal->request_id)
        buffer_printf(&text, " (request %s)", refusal->request_id);
    error_set(error, code, "%s", text.data);
    error->http_status = status;
    error->aws_code = x_strdup(refusal->name);
    error->request_id = x_strdup(refusal->request_id);
    if (meaning && meaning->advice && meaning->code == code)
        error_advice(error, "%s", meaning->advice);
}

void classify_answer(struct error *error, enum aws_service service, const struct http_answer *answer) {
    _cleanup_refusal_ struct refusal refusal;
    read_refusal(&refusal, answer);
    tell(error, decide(service, &refusal, answer), &refusal, answer->status);
}

/* The 200 was sent before the work was done, so its status means nothing; a document cut short may have been a success. */
void classify_error_document(struct error *error, const struct http_answer *answer) {
    _cleanup_refusal_ struct refusal refusal;
    read_refusal(&refusal, answer);
    enum error_code code = refusal.name ? decide(AWS_S3, &refusal, answer) : ERROR_TRANSIENT;
    tell(error, code, &refusal, answer->status);
}

/* HEAD is refused without a name. */
static bool lacks_permission(const struct error *error) {
    static const char *const names[] = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"};
    if (error->code != ERROR_DENIED)
        return false;
    if (!error->aws_code)
        return error->http_status == 403;
    for (size_t i = 0; i < array_length(names); i++) {
        if (strcmp(error->aws_code, names[i]) == 0)
            return true;
    }
    return false;
}

void classify_advise(struct error *error, const char *needs) {
    if (needs && lacks_permission(error))
        error_advice(error, "the role may lack %s", needs);
}

bool classify_bucket_region(char region[64], const struct http_answer *answer) {
    const char *header = http_answer_header(answer, "x-amz-bucket-region");
    _cleanup_free_ char *found = header ? x_strdup(header) : find_in_error(answer, "Region");
    if (!found || !region_valid(found))
        return false;
    memcpy(region, found, strlen(found) + 1); /* at most 63: region_valid() */
    return true;
}

/* Digits alone, at most nine of them; -1 otherwise. */
static int64_t small_number(const char *text) {
    int64_t value = 0;
    size_t length = strlen(text);
    if (length == 0 || length > 9 || strspn(text, "0123456789") != length)
        return -1;
    for (; *text; text++)
        value = value * 10 + (*text - '0');
    return value;
}

int64_t classify_retry_after(const struct http_answer *answer) {
    const char *ms = http_answer_header(answer, "x-amz-retry-after"), *s = http_answer_header(answer, "retry-after");
    const char *date = http_answer_header(answer, "date");
    int64_t then, now;
    if (ms && small_number(ms) >= 0)
        return small_number(ms);
    if (!s)
        return -1;
    if (small_number(s) >= 0)
        return small_number(s) * SECOND_MS;
    if (!date || !time_parse_http(s, &then) || !time_parse_http(date, &now))
        return -1;
    return then > now ? (then - now) * SECOND_MS : 0;
}
