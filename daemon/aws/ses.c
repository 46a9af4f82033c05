/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mail by SES v2. The body is JSON and says its own character set; only the name in front of an address is the
 * caller's to encode.
 * https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
 */
#include "aws/ses.h"

#include <stdlib.h>
#include <string.h>

#include "aws/json_call.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"

/* RFC 2047: a word is at most 75 characters, and no character is cut between two words. 45 bytes make 60 of base64. */
#define WORD_BYTES 45

struct ses_call {
    struct json_call *call;
    ses_done *done;
    void *arg;
};

static bool is_ascii(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80)
            return false;
    }
    return true;
}

/* How much of the text is the next word: whole UTF-8 characters. */
static size_t word_length(const char *text, size_t length) {
    if (length <= WORD_BYTES)
        return length;
    size_t word = WORD_BYTES;
    while (word > WORD_BYTES - 3 && ((unsigned char)text[word] & 0xc0) == 0x80)
        word--;
    return word;
}

static void add_encoded_words(struct buffer *out, const char *text, size_t length) {
    while (length > 0) {
        size_t word = word_length(text, length);
        char encoded[BASE64_LENGTH(WORD_BYTES) + 1];
        base64_encode(encoded, text, word);
        buffer_printf(out, "=?UTF-8?B?%s?= ", encoded);
        text += word;
        length -= word;
    }
}

char *ses_address(const char *address) {
    const char *start = strrchr(address, '<');
    size_t length = start ? (size_t)(start - address) : 0;
    if (is_ascii(address, length))
        return x_strdup(address);
    const char *name = address;
    while (length > 0 && strchr(" \"", name[length - 1]))
        length--;
    while (length > 0 && strchr(" \"", *name)) {
        name++;
        length--;
    }
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    add_encoded_words(&out, name, length);
    buffer_add(&out, start);
    return buffer_take(&out);
}

static void put_addresses(struct json_object *object, const char *name, const char *const *addresses) {
    if (!addresses || !*addresses)
        return;
    struct json_object *list = json_object_new_array();
    for (; *addresses; addresses++) {
        _cleanup_free_ char *address = ses_address(*addresses);
        json_object_array_add(list, json_object_new_string(address));
    }
    json_object_object_add(object, name, list);
}

static void put_content(struct json_object *object, const char *name, const char *text) {
    if (!text)
        return;
    struct json_object *content = json_object_new_object();
    json_put_string(content, "Data", text);
    json_put_string(content, "Charset", "UTF-8");
    json_object_object_add(object, name, content);
}

static struct json_object *simple_content(const struct ses_mail *mail) {
    struct json_object *content = json_object_new_object(), *simple = json_object_new_object();
    struct json_object *body = json_object_new_object();
    put_content(simple, "Subject", mail->subject);
    put_content(body, "Text", mail->text);
    put_content(body, "Html", mail->html);
    json_object_object_add(simple, "Body", body);
    json_object_object_add(content, "Simple", simple);
    return content;
}

char *ses_mail_body(const struct ses_mail *mail) {
    _cleanup_json_ struct json_object *root = json_object_new_object();
    struct json_object *destination = json_object_new_object();
    _cleanup_free_ char *from = ses_address(mail->from);
    json_put_string(root, "FromEmailAddress", from);
    put_addresses(destination, "ToAddresses", mail->to);
    put_addresses(destination, "CcAddresses", mail->cc);
    json_object_object_add(root, "Destination", destination);
    put_addresses(root, "ReplyToAddresses", mail->reply_to);
    json_object_object_add(root, "Content", simple_content(mail));
    json_put_string(root, "ConfigurationSetName", mail->configuration_set);
    return x_strdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

const char *ses_message_id(const struct json_object *answer, struct error *error) {
    const char *id = json_need_string(answer, "MessageId", error);
    if (!id)
        error_context(error, "SendEmail");
    return id;
}

static void on_done(void *arg, struct json_object *answer, const struct http_answer *http, const struct error *error) {
    (void)http;
    struct ses_call call = *(struct ses_call *)arg;
    free(arg);
    _cleanup_error_ struct error broken = {0};
    const char *id = error ? NULL : ses_message_id(answer, &broken);
    call.done(call.arg, id, error ? error : id ? NULL : &broken);
}

struct ses_call *ses_send(struct aws_session *session, const struct ses_mail *mail, ses_done *done, void *arg) {
    struct ses_call *call = x_calloc(1, sizeof *call);
    _cleanup_free_ char *body = ses_mail_body(mail);
    _cleanup_free_ char *what = x_printf("SendEmail from %s", mail->from);
    _cleanup_free_ char *needs = x_printf("ses:SendEmail on the identity of %s", mail->from);
    const struct json_call_request request = {
        .service = AWS_SES,
        .what = what,
        .needs = needs,
        .path = "/v2/email/outbound-emails",
        .content_type = "application/json",
        .body = body,
    };
    *call = (struct ses_call){.done = done, .arg = arg};
    call->call = json_call_start(session, &request, on_done, call);
    return call;
}

void ses_cancel(struct ses_call *call) {
    json_call_cancel(call->call);
    free(call);
}
