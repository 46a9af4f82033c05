/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest of items behind a pipe, so that another implementation can judge it. The argument is the key in hex; each line in
 * is an item, and answered by its digest or by "!" and why it has none; a line "=" is answered by the digest of all so far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "stream/item_digest.h"

static struct item_digest all;

static void answer(struct item_digester *digester, const char *line, size_t length) {
    struct item_digest one = {.items = 0};
    char text[ITEM_DIGEST_TEXT];
    _cleanup_error_ struct error error = {0};
    if (length == 1 && *line == '=') {
        item_digest_text(text, &all);
        printf("%s\n", text);
        return;
    }
    if (!item_digester_add(digester, &one, line, length, &error)) {
        printf("! %s\n", error.message);
        return;
    }
    item_digest_join(&all, &one);
    item_digest_text(text, &one);
    printf("%s\n", text);
}

int main(int argc, char **argv) {
    unsigned char key[ITEM_DIGEST_KEY];
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    if (argc != 2 || strlen(argv[1]) != 2 * sizeof key || !hex_decode(key, sizeof key, argv[1]))
        return 2;
    struct item_digester *digester = item_digester_new(key);
    while ((length = getline(&line, &size, stdin)) > 0)
        answer(digester, line, (size_t)length - (line[length - 1] == '\n'));
    item_digester_free(digester);
    free(line);
    return 0;
}
