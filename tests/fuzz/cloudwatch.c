/* SPDX-License-Identifier: Apache-2.0 */
/* PutLogEvents' answer: what it says of dropped events is one of our own sentences, or nothing. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "report/cloudwatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct json_object *answer = json_parse((const char *)bytes, length, NULL);
    const char *dropped = cloudwatch_dropped(answer);
    assert(!dropped || strncmp(dropped, "CloudWatch Logs dropped events", 30) == 0);
    assert(!dropped || json_object_at(answer, "rejectedLogEventsInfo"));
    json_object_put(answer);
    return 0;
}
