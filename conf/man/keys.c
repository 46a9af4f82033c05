/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dynamodb-backupd.conf(5), out of the table of keys that the parser itself reads: a page of the manual that cannot lag
 * behind. Runs at build time: keys HEAD.scd > PAGE.scd copies HEAD and puts the sections behind it, as scdoc(5) wants them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"

static void print_text(const char *text) {
    for (; *text; text++) {
        if (strchr("\\_*[]#~`", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void print_default(const struct config_key *key) {
    const char *text = key->preset ? key->preset : key->shown;
    if (!text)
        return;
    fputs(" Default: ", stdout);
    print_text(text);
    putchar('.');
}

static void print_key(const struct config_key *key) {
    struct buffer accepts = BUFFER_INIT(BUFFER_OURS);
    config_key_accepts(key, &accepts);
    printf("*%s=*\n\t", key->name);
    print_text(key->help);
    putchar('.');
    if (key->later) {
        fputs(" Not supported yet.", stdout);
    } else {
        if (accepts.length) {
            fputs(" Takes ", stdout);
            print_text(accepts.data);
            putchar('.');
        }
        print_default(key);
        if (config_key_repeats(key))
            fputs(" May be given several times.", stdout);
    }
    fputs("\n\n", stdout);
    buffer_fini(&accepts);
}

static void print_section(enum config_section section) {
    const struct config_section_info *info = &config_sections[section];
    printf("# [%s]\n\n", info->name);
    print_text(info->help);
    fputs(info->main_only ? ". In the main file only." : ".", stdout);
    fputs(info->later ? " Not supported yet.\n\n" : "\n\n", stdout);
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].section == section)
            print_key(&keys[i]);
}

int main(int argc, char **argv) {
    FILE *head = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (!head) {
        fputs("usage: keys HEAD.scd\n", stderr);
        return 2;
    }
    for (int c; (c = getc(head)) != EOF;)
        putchar(c);
    fclose(head);
    putchar('\n');
    for (int section = 0; section < CONFIG_SECTIONS; section++)
        print_section((enum config_section)section);
    fputs("# SEE ALSO\n\n*dynamodb-backupd*(8), *dynamodb-backupctl*(1), *systemd.time*(7), *crontab*(5)\n", stdout);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
