/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared files of the AWS tools: "credentials" and "config". Text becomes sections as botocore reads them; a profile of
 * both becomes a plan: which keys to begin with, which roles to assume on top of them. Pure, but for profile_load_start().
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html; where it is silent, botocore's configloader.py and
 * credentials.py (and so Python's configparser) decide.
 */
#ifndef AWS_PROFILE_H
#define AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "aws/credentials.h"
#include "base/error.h"

#define PROFILE_FILE_MOST ((size_t)1 << 20) /* bytes of either file */
#define PROFILE_ROLES     ((size_t)8)       /* that a chain of source_profile may assume, one after the other */

enum profile_file {
    PROFILE_CREDENTIALS, /* a section's name is the profile's */
    PROFILE_CONFIG,      /* "default" or "profile NAME" */
    PROFILE_FILES,
};

/* Both files, parsed. Values may be secrets: freeing zeroes them. */
struct profiles;
struct profiles *profiles_new(void);
void profiles_free(struct profiles *profiles);

/* `name` is the file's, for messages. At most once a file. False with ERROR_INVALID: "NAME:LINE: what is wrong". */
bool profiles_add(struct profiles *profiles, enum profile_file file, const char *name, const char *bytes, size_t length,
                  struct error *error);

/* Does either file hold it? */
bool profiles_has(const struct profiles *profiles, const char *profile);

/* Of both files, "credentials" before "config"; `key` in lower case. Borrowed; NULL where absent or a nested block. */
const char *profiles_get(const struct profiles *profiles, const char *profile, const char *key);

/* The same of one file alone. */
const char *profiles_get_in(const struct profiles *profiles, enum profile_file file, const char *profile,
                            const char *key);

/* One sts:AssumeRole. */
struct profile_role {
    char *profile; /* that says so: for messages */
    char *role_arn;
    char *external_id, *session_name; /* NULL where not set */
    int64_t duration_s;               /* 0 where not set */
};

enum profile_base {
    PROFILE_BASE_KEYS,        /* in the files */
    PROFILE_BASE_ENVIRONMENT, /* credential_source=Environment */
    PROFILE_BASE_IMDS,        /* credential_source=Ec2InstanceMetadata */
};

/* Zero-initialised before; profile_plan_fini() after. */
struct profile_plan {
    enum profile_base base;
    struct credentials keys; /* of PROFILE_BASE_KEYS */
    struct profile_role roles[PROFILE_ROLES];
    size_t role_count; /* the last is assumed first, with the base */
    char *region;      /* the profile's; NULL where it has none */
};

/*
 * False with ERROR_NOT_FOUND where the files hold no such profile or nothing about credentials in it, with
 * ERROR_INVALID where what they hold cannot work: half a key pair, a loop, what is not supported yet.
 */
bool profile_resolve(struct profile_plan *plan, const struct profiles *profiles, const char *profile,
                     struct error *error);
void profile_plan_drop_role(struct profile_plan *plan); /* the last, which has been assumed */
void profile_plan_fini(struct profile_plan *plan);

/* Where to look. The environment's word is final; what CREDENTIALS_DIRECTORY lacks is looked for below HOME. */
struct profile_paths {
    char *named[PROFILE_FILES];   /* AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE, "~/" resolved; NULL where not set */
    char *systemd[PROFILE_FILES]; /* $CREDENTIALS_DIRECTORY/aws-credentials, .../aws-config */
    char *home[PROFILE_FILES];    /* ~/.aws/credentials, ~/.aws/config */
};
void profile_paths_init(struct profile_paths *paths, const char *(*getenv_fn)(const char *));
void profile_paths_fini(struct profile_paths *paths);

/* "no profile x in /etc/a and /etc/b": appends the places that are looked at. */
struct buffer;
void profile_paths_tell(const struct profile_paths *paths, struct buffer *out);

/* The profile that is meant where none is named: AWS_PROFILE, AWS_DEFAULT_PROFILE, else "default". */
const char *profile_default(const char *(*getenv_fn)(const char *));

/* Blocking: for worker threads. A file that does not exist (or is none, as /dev/null) is an empty one. */
struct profiles *profiles_read(const struct profile_paths *paths, struct error *error);

/*
 * profiles_read() on a worker thread. `done` fires exactly once, never from inside the call, with one of both; `profiles`
 * is the callee's to free. Cancelling is always allowed: what a worker still reads is dropped when it comes.
 */
typedef void profile_load_done(void *arg, struct profiles *profiles, const struct error *error);
struct profile_load;
struct profile_load *profile_load_start(uv_loop_t *loop, const char *(*getenv_fn)(const char *),
                                        profile_load_done *done, void *arg);
void profile_load_cancel(struct profile_load *load);

#endif
