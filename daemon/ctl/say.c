/* SPDX-License-Identifier: Apache-2.0 */
/* The edge of the tool: stdout and stderr. */
#include "say.h"

#include <stdio.h>

#include "base/json.h"
#include "base/memory.h"
#include "render.h"

#define NAME "dynamodb-backupctl: "

void say_text(const struct buffer *text) {
    if (text->length)
        fwrite(text->data, 1, text->length, stdout);
}

void say_json(const struct json_object *value) {
    struct json_object *whole = (struct json_object *)(uintptr_t)value; /* json-c keeps the text in the object */
    puts(json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
}

void say_warning(const char *words) {
    fprintf(stderr, NAME "%s\n", words);
}

void say_error(const struct error *error) {
    say_warning(error->message ? error->message : error_code_name(error->code));
}

enum status say_refusal(const struct control_answer *answer, bool json) {
    _cleanup_buffer_ struct buffer words = BUFFER_INIT(BUFFER_OURS);
    render_error(answer, &words);
    say_warning(words.data);
    if (json) {
        _cleanup_json_ struct json_object *whole =
            control_answer_message(answer->error, json_object_get(answer->parameters), false);
        say_json(whole);
    }
    return STATUS_FAILED;
}
