/* SPDX-License-Identifier: Apache-2.0 */
/* What the tool prints: answers on stdout, everything else on stderr behind the program's name. */
#ifndef CTL_SAY_H
#define CTL_SAY_H

#include "command.h"
#include "control/message.h"

void say_text(const struct buffer *text);       /* stdout, as it is */
void say_json(const struct json_object *value); /* stdout, indented */
void say_error(const struct error *error);      /* "dynamodb-backupctl: ..." */
void say_warning(const char *words);

/* An error that the daemon replied; with --json it is printed too. What the tool ends with. */
enum status say_refusal(const struct control_answer *answer, bool json);

#endif
