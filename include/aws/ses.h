/* SPDX-License-Identifier: Apache-2.0 */
/* SES v2 SendEmail: POST /v2/email/outbound-emails, service name ses. Content.Simple with HTML and text. */
#ifndef AWS_SES_H
#define AWS_SES_H

#include <json-c/json.h>

#include "aws/client.h"

/* All borrowed until ses_send() returns. Lists are NULL-terminated or NULL. */
struct ses_mail {
    const char *from;
    const char *const *to, *const *cc, *const *reply_to;
    const char *subject, *html, *text; /* UTF-8 */
    const char *configuration_set;
};

/* Exactly one is given; both borrowed until it returns. */
typedef void ses_done(void *arg, const char *message_id, const struct error *error);
struct ses_call;
struct ses_call *ses_send(struct aws_session *session, const struct ses_mail *mail, ses_done *done, void *arg);
void ses_cancel(struct ses_call *call);

/* "Phòng Đào tạo <x@y>" with the name as RFC 2047 words where it is not ASCII, which SES asks of the caller; the caller
 * frees. Pure. */
char *ses_address(const char *address);

/* The request's JSON; the caller frees. Pure. */
char *ses_mail_body(const struct ses_mail *mail);

/* What SendEmail's answer calls the mail, borrowed from it; NULL with ERROR_CORRUPT. Pure. */
const char *ses_message_id(const struct json_object *answer, struct error *error);

#endif
