/* SPDX-License-Identifier: Apache-2.0 */
/* Words to options, from one table; options may stand anywhere, "--" ends them. */
#include "options.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "command.h"

#define MOST_TIMES 1000

enum kind { FLAG, TEXT, NUMBER };

static const struct option_row {
    const char *name;
    enum kind kind;
    size_t place;   /* in struct options */
    unsigned takes; /* 0: with every command */
} rows[] = {
    {"--config", TEXT, offsetof(struct options, config), 0},
    {"--socket", TEXT, offsetof(struct options, socket), 0},
    {"--state", TEXT, offsetof(struct options, state), 0},
    {"--json", FLAG, offsetof(struct options, json), 0},
    {"--local", FLAG, offsetof(struct options, local), 0},
    {"--help", FLAG, offsetof(struct options, help), 0},
    {"--version", FLAG, offsetof(struct options, version), 0},
    {"--wait", FLAG, offsetof(struct options, wait), TAKES_WAIT},
    {"--dry-run", FLAG, offsetof(struct options, dry_run), TAKES_DRY_RUN},
    {"--timezone", TEXT, offsetof(struct options, timezone), TAKES_TIMES},
    {"--count", NUMBER, offsetof(struct options, count), TAKES_COUNT},
    {"--from", TEXT, offsetof(struct options, from), TAKES_TIMES},
    {"--region", TEXT, offsetof(struct options, region), TAKES_SOURCE},
    {"--profile", TEXT, offsetof(struct options, profile), TAKES_SOURCE},
    {"--role-arn", TEXT, offsetof(struct options, role_arn), TAKES_SOURCE},
    {"--table", TEXT, offsetof(struct options, table), TAKES_RESTORE},
    {"--create", FLAG, offsetof(struct options, create), TAKES_RESTORE},
    {"--overwrite", FLAG, offsetof(struct options, overwrite), TAKES_RESTORE},
    {"--to-region", TEXT, offsetof(struct options, to_region), TAKES_RESTORE},
    {"--to-role-arn", TEXT, offsetof(struct options, to_role_arn), TAKES_RESTORE},
    {"--write-capacity", TEXT, offsetof(struct options, write_capacity), TAKES_RESTORE},
    {"--assume-plain", FLAG, offsetof(struct options, assume_plain), TAKES_RESTORE},
};

/* The words still to be read. */
struct reader {
    char *const *words;
    int left;
    struct options *options;
    unsigned takes;      /* of the options that were given */
    const char *limited; /* the last of those that only some commands take */
    struct error *error;
};

static bool refuse_option(const struct reader *reader, const char *word) {
    struct nearest nearest = NEAREST_TO(word);
    for (size_t i = 0; i < array_length(rows); i++)
        nearest_try(&nearest, rows[i].name);
    error_set(reader->error, ERROR_INVALID, "unknown option %s", word);
    if (nearest.name)
        error_advice(reader->error, "did you mean %s?", nearest.name);
    else
        error_advice(reader->error, "dynamodb-backupctl --help lists what is known");
    return false;
}

static bool set_number(const struct reader *reader, const struct option_row *row, const char *value, unsigned *slot) {
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (*value >= '0' && *value <= '9' && !*end && errno == 0 && number >= 1 && number <= MOST_TIMES) {
        *slot = (unsigned)number;
        return true;
    }
    error_set(reader->error, ERROR_INVALID, "%s \"%s\": accepted are 1 to %d", row->name, value, MOST_TIMES);
    return false;
}

static bool set_option(struct reader *reader, const struct option_row *row, const char *value) {
    void *slot = (char *)reader->options + row->place;
    reader->takes |= row->takes;
    reader->limited = row->takes ? row->name : reader->limited;
    if (row->kind == FLAG) {
        if (value)
            error_set(reader->error, ERROR_INVALID, "%s takes no value", row->name);
        *(bool *)slot = true;
        return !value;
    }
    if (!value && reader->left) {
        value = *reader->words++;
        reader->left--;
    }
    if (!value || !*value) {
        error_set(reader->error, ERROR_INVALID, "%s needs a value", row->name);
        return false;
    }
    if (row->kind == NUMBER)
        return set_number(reader, row, value, slot);
    *(const char **)slot = value;
    return true;
}

/* "--name", "--name=value", and -h for --help. */
static bool read_option(struct reader *reader, const char *word) {
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    if (strcmp(word, "-h") == 0) {
        reader->options->help = true;
        return true;
    }
    for (size_t i = 0; i < array_length(rows); i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, word, length) == 0)
            return set_option(reader, &rows[i], equals ? equals + 1 : NULL);
    return refuse_option(reader, word);
}

static bool refuse_command(const struct reader *reader, const char *word) {
    struct nearest nearest = NEAREST_TO(word);
    for (size_t i = 0; i < command_count; i++)
        nearest_try(&nearest, commands[i].name);
    error_set(reader->error, ERROR_INVALID, "unknown command %s", word);
    if (nearest.name)
        error_advice(reader->error, "did you mean %s?", nearest.name);
    else
        error_advice(reader->error, "dynamodb-backupctl --help lists what is known");
    return false;
}

static bool read_word(struct reader *reader, const char *word) {
    struct options *options = reader->options;
    if (!options->command) {
        options->command = command_find(word);
        return options->command || refuse_command(reader, word);
    }
    if (!options->command->run) /* says "not supported yet", whatever its arguments */
        return true;
    if (options->argument || options->command->argument == NO_ARGUMENT) {
        error_set(reader->error, ERROR_INVALID, "%s takes %s: \"%s\" is one too many", options->command->name,
                  options->command->argument == NO_ARGUMENT ? "no argument" : "one argument", word);
        return false;
    }
    options->argument = word;
    return true;
}

static bool check_whole(const struct reader *reader) {
    const struct options *options = reader->options;
    const struct command *command = options->command;
    if (options->help || options->version)
        return true;
    if (!command) {
        error_set(reader->error, ERROR_INVALID, "no command: dynamodb-backupctl --help lists them");
        return false;
    }
    if (!command->run) {
        error_set(reader->error, ERROR_INVALID, "%s is not supported yet", command->name);
        return false;
    }
    if (reader->takes & ~command->takes) {
        error_set(reader->error, ERROR_INVALID, "%s takes no option %s", command->name, reader->limited);
        return false;
    }
    if (command->argument == NEEDS_ARGUMENT && (!options->argument || !*options->argument)) {
        error_set(reader->error, ERROR_INVALID, "%s needs a %s: dynamodb-backupctl %s --help", command->name,
                  command->argument_name, command->name);
        return false;
    }
    return true;
}

/* Options of a command that does not exist yet are not known; asking for its help is. */
static bool skip_option(const struct options *options, const char *word) {
    return options->command && !options->command->run && strcmp(word, "--help") != 0 && strcmp(word, "-h") != 0;
}

bool options_parse(int argc, char *const *argv, struct options *options, struct error *error) {
    struct reader reader = {argv + 1, argc > 0 ? argc - 1 : 0, options, 0, NULL, error};
    bool options_over = false;
    *options = (struct options){0};
    while (reader.left) {
        const char *word = *reader.words++;
        reader.left--;
        if (!options_over && strcmp(word, "--") == 0)
            options_over = true;
        else if (!options_over && word[0] == '-' && word[1]) {
            if (!skip_option(options, word) && !read_option(&reader, word))
                return false;
        } else if (!read_word(&reader, word))
            return false;
    }
    if (!options->config)
        options->config = DEFAULT_CONFIG;
    return check_whole(&reader);
}
