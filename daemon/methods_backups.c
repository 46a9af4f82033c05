/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's methods that look at backups in S3: List goes job after job, Show and Link find one backup by what a person
 * calls it. Each is a small struct that lives until its reply, or until the client has gone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "daemon_private.h"
#include "job/catalog.h"
#include "job/find.h"
#include "job/links.h"

/* Job after job; a job whose bucket cannot be listed is told beside the others. */
struct listing {
    struct daemon *daemon;
    struct control_request *request;
    struct config *config;
    size_t at, end;
    struct json_object *backups, *errors;
    struct catalog *catalog;
};

static void list_next(struct listing *listing);

static struct json_object *summary_json(const struct backup_summary *summary) {
    struct json_object *object = json_object_new_object(), *formats = json_object_new_array();
    char text[TIME_TEXT];
    json_put_string(object, "id", summary->id);
    json_put_string(object, "job", summary->job);
    json_put_string(object, "table", summary->table);
    json_put_string(object, "table_arn", summary->table_arn);
    json_put_string(object, "uri", summary->uri);
    json_put_string(object, "started", time_format_iso(text, summary->started / SECOND_MS));
    json_put_string(object, "ended", time_format_iso(text, summary->ended / SECOND_MS));
    json_put_integer(object, "items", (int64_t)summary->items);
    json_put_integer(object, "bytes", (int64_t)summary->stored_bytes);
    json_put_integer(object, "objects", (int64_t)summary->objects);
    json_put_boolean(object, "resumed", summary->resumed);
    for (enum stream_format format = FORMAT_DYNAMODB_JSON; format <= FORMAT_CSV; format++)
        if (summary->formats & 1u << format)
            json_object_array_add(formats, json_object_new_string(format_name(format)));
    json_object_object_add(object, "formats", formats);
    return object;
}

static void listing_free(struct listing *listing) {
    catalog_cancel(listing->catalog);
    json_object_put(listing->backups);
    json_object_put(listing->errors);
    config_unref(listing->config);
    free(listing);
}

static void on_listing_gone(void *arg) {
    struct listing *listing = arg;
    control_reply(listing->request, NULL);
    listing_free(listing);
}

static void on_catalog(void *arg, const struct backup_summary *backups, size_t count, const struct error *error) {
    struct listing *listing = arg;
    listing->catalog = NULL;
    for (size_t i = 0; i < count; i++)
        json_object_array_add(listing->backups, summary_json(&backups[i]));
    if (error && listing->end == 1 + listing->at && !json_object_array_length(listing->backups) &&
        !json_object_array_length(listing->errors)) {
        control_reply_failed(listing->request, error); /* the only job that was asked */
        listing_free(listing);
        return;
    }
    if (error) {
        struct json_object *one = method_object("message", json_object_new_string(error->message));
        json_put_string(one, "job", listing->config->jobs[listing->at]->name);
        json_object_array_add(listing->errors, one);
    }
    listing->at++;
    list_next(listing);
}

static void list_next(struct listing *listing) {
    if (listing->at < listing->end) {
        listing->catalog = catalog_start(jobs_engine(listing->daemon->jobs), listing->config,
                                         listing->config->jobs[listing->at], on_catalog, listing);
        return;
    }
    struct json_object *reply = method_object("backups", json_object_get(listing->backups));
    if (json_object_array_length(listing->errors))
        json_object_object_add(reply, "errors", json_object_get(listing->errors));
    control_reply(listing->request, reply);
    listing_free(listing);
}

void method_list(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    struct config *config = jobs_config(daemon->jobs);
    const char *name;
    size_t at = 0, end = config->job_count;
    if (!control_may_text(request, "job", &name))
        return;
    if (name) {
        while (at < end && strcmp(config->jobs[at]->name, name) != 0)
            at++;
        if (at == end) {
            method_refuse(daemon, request, JOBS_NO_SUCH_JOB, name, NULL);
            return;
        }
        end = at + 1;
    }
    struct listing *listing = x_calloc(1, sizeof *listing);
    *listing = (struct listing){.daemon = daemon,
                                .request = request,
                                .config = config_ref(config),
                                .at = at,
                                .end = end,
                                .backups = json_object_new_array(),
                                .errors = json_object_new_array()};
    control_request_watch(request, on_listing_gone, listing);
    list_next(listing);
}

/* ------------------------------------------------------------ Show, Link */

struct lookup {
    struct daemon *daemon;
    struct control_request *request;
    bool wants_links;
    struct find *find;
    struct links *links;
};

static void lookup_free(struct lookup *lookup) {
    find_cancel(lookup->find);
    links_cancel(lookup->links);
    free(lookup);
}

static void on_lookup_gone(void *arg) {
    struct lookup *lookup = arg;
    control_reply(lookup->request, NULL);
    lookup_free(lookup);
}

static void on_links(void *arg, const struct link_list *links, const struct error *error) {
    struct lookup *lookup = arg;
    lookup->links = NULL;
    if (error) {
        control_reply_failed(lookup->request, error);
        lookup_free(lookup);
        return;
    }
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < links->count; i++) {
        struct json_object *one = json_object_new_object();
        char text[TIME_TEXT];
        json_put_string(one, "key", links->items[i].key);
        json_put_string(one, "url", links->items[i].url);
        json_put_string(one, "expires", time_format_iso(text, links->items[i].ends / SECOND_MS));
        json_object_array_add(list, one);
    }
    struct json_object *reply = method_object("links", list);
    json_put_boolean(reply, "cut_short", links->cut_short);
    control_reply(lookup->request, reply);
    lookup_free(lookup);
}

/* Keys (borrowed) of the objects of all outputs whose format is data files', or is not. `keys` NULL: only counted. */
static size_t add_keys(const struct source *source, bool data, char **keys) {
    size_t known = 0;
    for (size_t i = 0; i < source->output_count; i++) {
        const struct source_output *output = &source->outputs[i];
        bool is_data = output->format == FORMAT_DYNAMODB_JSON;
        for (size_t k = 0; is_data == data && k < output->object_count; k++) {
            if (output->objects[k].key && keys)
                keys[known] = output->objects[k].key;
            known += output->objects[k].key != NULL;
        }
    }
    return known;
}

/* The objects that a person downloads: the plain ones, json and csv, where there are some, else the data files. */
static void link_found(struct lookup *lookup, const struct found_backup *found) {
    bool data = !add_keys(found->source, false, NULL);
    size_t known = add_keys(found->source, data, NULL);
    char **keys = x_calloc(known + 1, sizeof *keys);
    add_keys(found->source, data, keys);
    struct links_request request = {.engine = jobs_engine(lookup->daemon->jobs),
                                    .config = found->config,
                                    .job = found->job,
                                    .keys = keys,
                                    .key_count = known,
                                    .expires = found->job->link_expires};
    if (known) {
        lookup->links = links_start(&request, on_links, lookup);
    } else {
        _cleanup_error_ struct error error = {0};
        error_set(&error, ERROR_CORRUPT, "%sbackup.json names no object", found->uri);
        control_reply_failed(lookup->request, &error);
        lookup_free(lookup);
    }
    free(keys);
}

static void on_found(void *arg, const struct found_backup *found, const struct error *error) {
    struct lookup *lookup = arg;
    lookup->find = NULL;
    if (error) {
        control_reply_failed(lookup->request, error);
        lookup_free(lookup);
    } else if (lookup->wants_links) {
        link_found(lookup, found);
    } else {
        struct json_object *reply = method_object("backup", json_object_get(found->backup));
        json_put_string(reply, "uri", found->uri);
        control_reply(lookup->request, reply);
        lookup_free(lookup);
    }
}

bool method_may_access(struct control_request *request, struct find_access *access) {
    *access = (struct find_access){0};
    return control_may_text(request, "region", &access->region) &&
           control_may_text(request, "profile", &access->profile) &&
           control_may_text(request, "role_arn", &access->role_arn);
}

static void look_up(struct daemon *daemon, struct control_request *request, bool wants_links) {
    const char *backup;
    struct find_access access;
    if (!control_need_text(request, "backup", &backup) || !method_may_access(request, &access))
        return;
    struct lookup *lookup = x_calloc(1, sizeof *lookup);
    *lookup = (struct lookup){.daemon = daemon, .request = request, .wants_links = wants_links};
    control_request_watch(request, on_lookup_gone, lookup);
    lookup->find = find_by_start(daemon->jobs, backup, &access, on_found, lookup);
}

void method_show(void *arg, struct control_request *request) {
    look_up(arg, request, false);
}

void method_link(void *arg, struct control_request *request) {
    look_up(arg, request, true);
}
