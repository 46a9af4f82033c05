/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     LIST the folder and the plain objects -> HEAD backup.json, a data file and each plain object
 *         -> where they have versions (object lock needs them): HEAD all the rest, several at a time -> done
 *
 * S3 shows x-amz-object-lock-* to those who may read them (s3:GetObjectRetention, s3:GetObjectLegalHold); from all others it still
 * refuses to destroy what is locked.
 */
#include "job/lock_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

#define HEADS_AT_ONCE 8

struct head {
    struct lock_check *check;
    struct s3_call *call;
    const char *key;
};

struct lock_check {
    const struct s3_bucket *bucket;
    const struct backup_names *names;
    char *stem; /* of the plain objects' keys */
    int64_t now;
    bool plain;  /* the plain objects are being listed: they come after the folder */
    char **keys; /* those that are always asked come first */
    size_t count, first, asked, answered;
    bool has_data; /* among the first */
    bool versioned;
    struct s3_call *list;
    struct head heads[HEADS_AT_ONCE];
    lock_check_done *done;
    void *arg;
};

static void check_free(struct lock_check *check) {
    if (check->list)
        s3_cancel(check->list);
    for (size_t i = 0; i < HEADS_AT_ONCE; i++)
        if (check->heads[i].call)
            s3_cancel(check->heads[i].call);
    for (size_t i = 0; i < check->count; i++)
        free(check->keys[i]);
    free(check->keys);
    free(check->stem);
    free(check);
}

void lock_check_cancel(struct lock_check *check) {
    if (check)
        check_free(check);
}

static void check_end(struct lock_check *check, const char *locked, const struct error *error) {
    lock_check_done *done = check->done;
    void *arg = check->arg;
    check->done = NULL;
    done(arg, locked, error);
    check_free(check);
}

char *lock_words(const struct http_answer *answer, int64_t now) {
    const char *hold = http_answer_header(answer, "x-amz-object-lock-legal-hold");
    const char *mode = http_answer_header(answer, "x-amz-object-lock-mode");
    const char *until = http_answer_header(answer, "x-amz-object-lock-retain-until-date");
    int64_t end;
    if (hold && strcmp(hold, "ON") == 0)
        return x_strdup("a legal hold");
    if (!mode && !until)
        return NULL;
    if (until && time_parse_iso(until, &end) && end <= now)
        return NULL;
    return x_printf("object lock (%s until %s)", mode ? mode : "retention", until ? until : "an unknown time");
}

static void ask_more(struct lock_check *check);

static void on_head(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct head *head = arg;
    struct lock_check *check = head->check;
    head->call = NULL;
    if (error) {
        check_end(check, NULL, error);
        return;
    }
    check->answered++;
    check->versioned |= http_answer_header(answer->http, "x-amz-version-id") != NULL;
    _cleanup_free_ char *words = answer->found ? lock_words(answer->http, check->now) : NULL;
    if (words) {
        _cleanup_free_ char *locked = x_printf("%s on s3://%s/%s", words, check->bucket->name, head->key);
        check_end(check, locked, NULL);
        return;
    }
    ask_more(check);
}

static struct head *free_head(struct lock_check *check) {
    for (size_t i = 0; i < HEADS_AT_ONCE; i++)
        if (!check->heads[i].call)
            return &check->heads[i];
    return NULL;
}

static void ask_more(struct lock_check *check) {
    size_t wanted = check->versioned ? check->count : check->first;
    struct head *head;
    while (check->asked < wanted && (head = free_head(check))) {
        head->check = check;
        head->key = check->keys[check->asked++];
        head->call = s3_head_object(check->bucket, head->key, on_head, head);
    }
    if (check->answered == check->asked && check->asked >= wanted)
        check_end(check, NULL, NULL);
}

/* Does every check ask for it? */
static bool is_first(struct lock_check *check, const char *key) {
    const char *name = key + strlen(check->names->root);
    if (check->plain || strcmp(name, "backup.json") == 0)
        return true;
    if (check->has_data || strncmp(name, "data/", 5) != 0)
        return false;
    return check->has_data = true;
}

static void add_key(struct lock_check *check, const char *key) {
    const char *begin = check->plain ? check->stem : check->names->root;
    if (strncmp(key, begin, strlen(begin)) != 0)
        return;
    if (!(check->count & (check->count - 1))) /* 0, 1, 2, 4 ...: full */
        check->keys = x_realloc(check->keys, (check->count ? 2 * check->count : 1) * sizeof(char *));
    check->keys[check->count++] = x_strdup(key);
    if (!is_first(check, key))
        return;
    char *last = check->keys[check->count - 1];
    check->keys[check->count - 1] = check->keys[check->first];
    check->keys[check->first++] = last;
}

static void list_page(struct lock_check *check, const char *token);

static void on_listed(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct lock_check *check = arg;
    check->list = NULL;
    if (error) {
        check_end(check, NULL, error);
        return;
    }
    for (size_t i = 0; i < answer->entry_count; i++)
        add_key(check, answer->entries[i].key);
    if (answer->next) {
        list_page(check, answer->next);
    } else if (!check->plain) {
        check->plain = true;
        list_page(check, NULL);
    } else {
        ask_more(check);
    }
}

static void list_page(struct lock_check *check, const char *token) {
    struct s3_list list = {.prefix = check->plain ? check->stem : check->names->root, .token = token};
    check->list = s3_list_objects(check->bucket, &list, on_listed, check);
}

struct lock_check *lock_check_start(const struct s3_bucket *bucket, const struct backup_names *names, int64_t now,
                                    lock_check_done *done, void *arg) {
    struct lock_check *check = x_calloc(1, sizeof *check);
    check->bucket = bucket;
    check->names = names;
    check->stem = x_printf("%sbackup-%s-%.8s.", names->prefix, names->stamp, names->run);
    check->now = now;
    check->done = done;
    check->arg = arg;
    list_page(check, NULL);
    return check;
}
