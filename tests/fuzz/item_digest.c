/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever has a canonical form: it stays within its bound, is the same with blanks around, and no beginning of it has one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../daemon/stream/canonical.h"
#include "base/memory.h"
#include "stream/item_digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* In memory of exactly its size, so that the sanitizers see every byte too many. */
static bool digest_of(struct item_digest *digest, const char *before, const uint8_t *bytes, size_t length) {
    static const unsigned char key[ITEM_DIGEST_KEY] = {1};
    size_t more = strlen(before);
    char *copy = x_malloc(more + length);
    memcpy(copy, before, more);
    if (length)
        memcpy(copy + more, bytes, length);
    struct item_digester *digester = item_digester_new(key);
    bool added = item_digester_add(digester, digest, copy, more + length, NULL);
    item_digester_free(digester);
    free(copy);
    return added;
}

static void check_bound(const uint8_t *bytes, size_t length) {
    struct canonical canonical;
    size_t at;
    canonical_init(&canonical);
    if (canonical_item(&canonical, 0, (const char *)bytes, length, &at) || at != length)
        abort();
    if (canonical.out.length > 2 * length + 16 || canonical.members.length)
        abort();
    canonical_fini(&canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct item_digest once = {.items = 0}, again = {.items = 0}, none = {.items = 0};
    if (!digest_of(&once, "", bytes, length))
        return 0;
    check_bound(bytes, length);
    if (!digest_of(&again, " \n", bytes, length) || !item_digest_equal(&once, &again))
        abort();
    size_t end = length;
    while (bytes[end - 1] != '}')
        end--;
    if (digest_of(&none, "", bytes, end - 1) || none.items)
        abort();
    return 0;
}
