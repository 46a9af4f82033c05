/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a service of a region answers, and under which name it is signed. Pure.
 * Partitions: aws (amazonaws.com), aws-cn (amazonaws.com.cn; cn-*), aws-us-gov (us-gov-*).
 */
#ifndef AWS_ENDPOINT_H
#define AWS_ENDPOINT_H

#include <stdbool.h>

#include "base/error.h"

/* The order of [Endpoints]' keys in the configuration; see aws_service_name(). */
enum aws_service {
    AWS_DYNAMODB,
    AWS_S3,
    AWS_SES,
    AWS_STS,
    AWS_LOGS,
    AWS_IAM,
    AWS_IMDS,
    AWS_SERVICES, /* how many */
};

/* "dynamodb", "s3", "ses", "sts", "logs", "iam", "imds": the signing name. */
const char *aws_service_signing_name(enum aws_service service);

/* "DynamoDB", "S3", ...: for a person. */
const char *aws_service_name(enum aws_service service);

/* An override a service; NULL: AWS's own. URLs of [Endpoints], checked by endpoint_url_check(). */
struct endpoints {
    const char *url[AWS_SERVICES];
};

/* `text` is http:// or https://, a host (a name, IPv4, or IPv6 in brackets), maybe a port, maybe a path without a final
 * '/', no user, query or fragment. Else ERROR_INVALID says what is wrong. */
bool endpoint_url_check(const char *text, struct error *error);

/* Owned: endpoint_fini() frees. */
struct endpoint {
    char *url;    /* "https://bucket.s3.eu-west-1.amazonaws.com": scheme, host, maybe port; without a final '/' */
    char *host;   /* the Host header: with the port where it is not the scheme's own */
    char *path;   /* what goes before the request's own path: "", "/bucket", or an override's path; encoded */
    char *region; /* to sign for */
    bool tls;
    bool direct; /* loopback or link-local: never through a proxy */
};

/*
 * `region` must be one (letters, digits, '-'). `bucket` for S3 only, else NULL: virtual-hosted on AWS for names without a
 * dot, path-style elsewhere. IAM is one a partition. IMDS: http://169.254.169.254.
 */
bool endpoint_resolve(struct endpoint *endpoint, const struct endpoints *overrides, enum aws_service service,
                      const char *region, const char *bucket, struct error *error);
void endpoint_fini(struct endpoint *endpoint);

/* "aws", "aws-cn" or "aws-us-gov". */
const char *region_partition(const char *region);
bool region_valid(const char *region);

#endif
