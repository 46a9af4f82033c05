/* SPDX-License-Identifier: Apache-2.0 */
/* SendEmail: the first byte chooses the answer of whoever took the mail, or an address from a file of settings. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "aws/ses.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void read_answer(const char *text, size_t length) {
    struct error error = {0};
    struct json_object *answer = json_parse(text, length, &error);
    const char *id = answer ? ses_message_id(answer, &error) : NULL;
    assert(!id == (error.code == ERROR_CORRUPT));
    error_clear(&error);
    json_object_put(answer);
}

/* Words of at most 75 characters of ASCII; what stands between '<' and '>' is the caller's own, and a name in ASCII stays as it is, be it
 * words of that kind already. */
static void check_words(const char *encoded, const char *address) {
    const char *end = strrchr(encoded, '<');
    if (strcmp(encoded, address) == 0)
        return;
    for (const char *word = encoded; end && word < end; word += strcspn(word, " ") + 1) {
        assert(strncmp(word, "=?UTF-8?B?", 10) == 0);
        assert(strcspn(word, " ") <= 75);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0)
        return 0;
    const char *text = (const char *)bytes + 1;
    if (bytes[0] % 2 == 0) {
        read_answer(text, length - 1);
        return 0;
    }
    _cleanup_free_ char *address = x_strndup(text, length - 1);
    if (!utf8_valid(address, strlen(address)))
        return 0; /* no file of settings lets it pass */
    _cleanup_free_ char *encoded = ses_address(address);
    check_words(encoded, address);
    const char *const to[] = {address, NULL};
    const struct ses_mail mail = {.from = address, .to = to, .subject = address, .text = address};
    _cleanup_free_ char *body = ses_mail_body(&mail);
    struct json_object *parsed = json_parse(body, strlen(body), NULL);
    assert(parsed && strcmp(json_string(parsed, "FromEmailAddress"), encoded) == 0);
    json_object_put(parsed);
    return 0;
}
