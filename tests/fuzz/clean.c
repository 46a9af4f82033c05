/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves for a log: one line of valid UTF-8 without control characters, within its limit, whatever came. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "report/clean.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0)
        return 0;
    size_t limit = bytes[0] * (size_t)4;
    _cleanup_free_ char *text = x_strndup((const char *)bytes + 1, length - 1);
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    clean_text(&out, text, limit);
    assert(out.length <= limit + 3);
    assert(utf8_valid(out.data ? out.data : "", out.length));
    for (size_t i = 0; i < out.length; i++)
        assert((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7f);
    const char *signature = out.data ? strstr(out.data, "X-Amz-Signature=") : NULL;
    assert(!signature || !signature[16] || strchr("&;,<>\"' )]}.*=:%", signature[16]));
    return 0;
}
