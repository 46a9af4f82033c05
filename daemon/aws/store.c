/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All providers of the process, by the words that asked for them. A provider is found again only where every word is the
 * same; the words are joined with their lengths, so that no two settings can be read as one.
 */
#include "aws/store.h"

#include <string.h>
#include <sys/queue.h>

#include "aws/imds.h"
#include "aws/sources.h"
#include "aws/sts.h"
#include "base/buffer.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

LIST_HEAD(entries, entry);

struct entry {
    LIST_ENTRY(entry) entry;
    char *words;
    struct credential_provider *provider;
};

struct credential_store {
    struct source_context context;
    struct entries entries;
};

struct credential_store *credential_store_new(struct aws_client *client, const char *(*getenv_fn)(const char *)) {
    struct credential_store *store = x_calloc(1, sizeof *store);
    store->context = (struct source_context){client, getenv_fn, imds_new(client, getenv_fn)};
    LIST_INIT(&store->entries);
    return store;
}

/* Newest first: an assumed role goes before its base. */
void credential_store_free(struct credential_store *store) {
    struct entry *entry;
    while ((entry = LIST_FIRST(&store->entries))) {
        LIST_REMOVE(entry, entry);
        credential_provider_unref(entry->provider);
        free(entry->words);
        free(entry);
    }
    imds_free(store->context.imds);
    free(store);
}

static void add_word(struct buffer *words, const char *word) {
    if (word)
        buffer_printf(words, "%zu:%s", strlen(word), word);
    buffer_add_char(words, ';');
}

static char *words_of(const struct credential_settings *settings) {
    struct buffer words = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&words, "%d;%lld;", (int)settings->source, (long long)settings->duration_s);
    add_word(&words, settings->profile);
    add_word(&words, settings->role_arn);
    add_word(&words, settings->external_id);
    add_word(&words, settings->session_name);
    add_word(&words, settings->region);
    return buffer_take(&words);
}

/* The words that mean something to this source, and no others: what does not matter must not keep two apart. */
static struct credential_settings essence(const struct credential_settings *settings) {
    struct credential_settings essential = *settings;
    bool has_role = settings->role_arn,
         reads_files = settings->source == SOURCE_AUTO || settings->source == SOURCE_PROFILE;
    if (!has_role) {
        essential.external_id = essential.session_name = NULL;
        essential.duration_s = 0;
    }
    if (!has_role && !reads_files)
        essential.region = NULL; /* no STS is asked */
    if (!reads_files && (!has_role || settings->region))
        essential.profile = NULL;
    return essential;
}

static struct source role_on_base(struct credential_store *store, const struct credential_settings *settings) {
    struct credential_settings of_base = *settings;
    of_base.role_arn = NULL;
    struct credential_provider *base = credential_store_get(store, &of_base);
    struct source source = role_source_new(&store->context, base, settings);
    credential_provider_unref(base);
    return source;
}

/* The one table of sources. */
static struct source make(struct credential_store *store, const struct credential_settings *settings) {
    const struct source_context *context = &store->context;
    if (settings->role_arn)
        return role_on_base(store, settings);
    switch (settings->source) {
    case SOURCE_ENV:
        return env_source_new(context);
    case SOURCE_PROFILE:
        return profile_source_new(context, settings->profile, settings->region);
    case SOURCE_IMDS:
        return imds_source_new(context);
    case SOURCE_AUTO:
        break;
    }
    return auto_source_new(context, settings->profile, settings->region);
}

static int64_t now_of_client(const void *client) {
    return aws_client_now(client);
}

static struct entry *entry_new(struct credential_store *store, const struct credential_settings *settings,
                               char *words) {
    struct aws_client *client = store->context.client;
    struct source source = make(store, settings);
    struct entry *entry = x_calloc(1, sizeof *entry);
    entry->words = words;
    entry->provider =
        credential_provider_new(aws_client_loop(client), source.type, source.self, aws_client_wall(client));
    credential_provider_use_clock(entry->provider, now_of_client, client);
    LIST_INSERT_HEAD(&store->entries, entry, entry);
    return entry;
}

struct credential_provider *credential_store_get(struct credential_store *store,
                                                 const struct credential_settings *settings) {
    struct credential_settings essential = essence(settings);
    char *words = words_of(&essential);
    struct entry *entry = LIST_FIRST(&store->entries);
    while (entry && strcmp(entry->words, words) != 0)
        entry = LIST_NEXT(entry, entry);
    if (entry)
        free(words);
    else
        entry = entry_new(store, &essential, words);
    return credential_provider_ref(entry->provider);
}

struct region_lookup *region_lookup_start(struct credential_store *store, const struct credential_settings *settings,
                                          region_done *done, void *arg) {
    return region_find(&store->context, settings->profile, done, arg);
}

char *name_within(const char *name, size_t most) {
    size_t length = strlen(name);
    if (length <= most)
        return x_strdup(name);
    unsigned char digest[SHA256_LENGTH];
    char hash[9];
    sha256(digest, name, length);
    hex_encode(hash, digest, 4);
    return x_printf("%.*s-%s", (int)(most - 9), name, hash);
}

char *credential_session_name(const char *job) {
    _cleanup_free_ char *whole = x_printf(STS_SESSION_NAME "-%s", job);
    return name_within(whole, STS_SESSION_NAME_MOST);
}
