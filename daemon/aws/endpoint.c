/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a service, a region and maybe a bucket to the host that answers, and the name and region it is signed for. The
 * names are those of https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html.
 */
#include "aws/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/encoding.h"
#include "base/memory.h"

#define REGION_MOST ((size_t)63)  /* a label of a host name */
#define BUCKET_MOST ((size_t)255) /* old ones in us-east-1; 63 since 2018 */

struct service {
    const char *name, *signing, *host;
};

static const struct service services[AWS_SERVICES] = {
    [AWS_DYNAMODB] = {"DynamoDB", "dynamodb", "dynamodb"},
    [AWS_S3] = {"S3", "s3", "s3"},
    [AWS_SES] = {"SES", "ses", "email"},
    [AWS_STS] = {"STS", "sts", "sts"},
    [AWS_LOGS] = {"CloudWatch Logs", "logs", "logs"},
    [AWS_IAM] = {"IAM", "iam", "iam"},
    [AWS_IMDS] = {"IMDS", "imds", ""},
};

struct partition {
    const char *name, *prefix, *suffix;
    const char *iam_host, *iam_region; /* IAM answers at one place a partition */
};

static const struct partition partitions[] = {
    {"aws-cn", "cn-", "amazonaws.com.cn", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "iam.us-gov.amazonaws.com", "us-gov-west-1"},
    {"aws", "", "amazonaws.com", "iam.amazonaws.com", "us-east-1"},
};

static const struct partition *partition_of(const char *region) {
    const struct partition *partition = partitions;
    while (strncmp(region, partition->prefix, strlen(partition->prefix)) != 0)
        partition++; /* the last matches all */
    return partition;
}

const char *region_partition(const char *region) {
    return partition_of(region)->name;
}

bool region_valid(const char *region) {
    size_t length = region ? strlen(region) : 0;
    if (length == 0 || length > REGION_MOST || region[0] == '-' || region[length - 1] == '-')
        return false;
    for (const char *c = region; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-')
            return false;
    }
    return true;
}

const char *aws_service_signing_name(enum aws_service service) {
    return services[service].signing;
}

const char *aws_service_name(enum aws_service service) {
    return services[service].name;
}

/* An URL's pieces, pointing into it. */
struct url {
    bool tls;
    const char *host, *port, *path; /* `port` NULL where none; `path` "" or from its '/' */
    size_t host_length, port_length;
};

static bool refuse(struct error *error, const char *text, const char *why) {
    error_set(error, ERROR_INVALID, "\"%s\" is no endpoint: %s", text, why);
    return false;
}

static bool host_valid(const char *host, size_t length) {
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        _cleanup_free_ char *inner = x_strndup(host + 1, length - 2);
        unsigned char address[16];
        return inet_pton(AF_INET6, inner, address) == 1;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
            return false;
    }
    return length > 0 && length <= 253;
}

static bool port_valid(const char *port, size_t length) {
    long value = 0;
    if (length == 0 || length > 5)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)port[i]))
            return false;
        value = value * 10 + (port[i] - '0');
    }
    return value >= 1 && value <= 65535;
}

/* Where the host ends: at the ':' of the port or the '/' of the path; a ':' in brackets is the host's own. */
static size_t host_end(const char *host) {
    const char *close = *host == '[' ? strchr(host, ']') : NULL;
    return close ? (size_t)(close - host) + 1 : strcspn(host, ":/");
}

static bool split(struct url *url, const char *text, struct error *error) {
    *url = (struct url){.tls = strncasecmp(text, "https://", 8) == 0};
    if (!url->tls && strncasecmp(text, "http://", 7) != 0)
        return refuse(error, text, "it must begin with http:// or https://");
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c > '~')
            return refuse(error, text, "it holds a character that no URL has");
    }
    if (strpbrk(text, "?#"))
        return refuse(error, text, "a query or fragment has no place in it");
    url->host = text + (url->tls ? 8 : 7);
    if (memchr(url->host, '@', strcspn(url->host, "/")))
        return refuse(error, text, "a user or password has no place in it");
    url->host_length = host_end(url->host);
    const char *rest = url->host + url->host_length;
    if (*rest == ':') {
        url->port = rest + 1;
        url->port_length = strcspn(url->port, "/");
        rest = url->port + url->port_length;
    }
    url->path = rest;
    if (!host_valid(url->host, url->host_length) || (*rest && *rest != '/'))
        return refuse(error, text, "the host must be a name, an IPv4 address, or an IPv6 address in brackets");
    if (url->port && !port_valid(url->port, url->port_length))
        return refuse(error, text, "the port must be 1 to 65535");
    return true;
}

bool endpoint_url_check(const char *text, struct error *error) {
    struct url url;
    if (!split(&url, text, error))
        return false;
    if (*url.path && url.path[strlen(url.path) - 1] == '/')
        return refuse(error, text, "it must not end in /");
    return true;
}

static bool begins(const char *text, size_t length, const char *with) {
    return length >= strlen(with) && strncasecmp(text, with, strlen(with)) == 0;
}

static bool equals(const char *text, size_t length, const char *other) {
    return length == strlen(other) && strncasecmp(text, other, length) == 0;
}

/* Loopback, and the link-local addresses where a host finds its own metadata. */
static bool host_is_near(const char *host, size_t length) {
    static const char *const names[] = {"localhost", "[::1]", "[fd00:ec2::254]", "[fd00:ec2::23]"};
    static const char *const prefixes[] = {"169.254.", "[fe80:"};
    static const char local[] = ".localhost";
    for (size_t i = 0; i < array_length(names); i++) {
        if (equals(host, length, names[i]))
            return true;
    }
    for (size_t i = 0; i < array_length(prefixes); i++) {
        if (begins(host, length, prefixes[i]))
            return true;
    }
    _cleanup_free_ char *copy = x_strndup(host, length);
    unsigned char address[4];
    if (inet_pton(AF_INET, copy, address) == 1)
        return address[0] == 127;
    return length > strlen(local) && equals(host + length - strlen(local), strlen(local), local);
}

/* Curl leaves a scheme's own port out of Host, and what is signed must be what is sent. */
static bool port_is_implied(const struct url *url) {
    return !url->port || equals(url->port, url->port_length, url->tls ? "443" : "80");
}

static void fill_from_override(struct endpoint *endpoint, const struct url *url) {
    size_t path = strlen(url->path);
    while (path && url->path[path - 1] == '/')
        path--;
    endpoint->host = port_is_implied(url)
                         ? x_strndup(url->host, url->host_length)
                         : x_printf("%.*s:%.*s", (int)url->host_length, url->host, (int)url->port_length, url->port);
    endpoint->path = x_strndup(url->path, path);
    endpoint->tls = url->tls;
    endpoint->direct = host_is_near(url->host, url->host_length);
}

/* A name that can be a label under AWS's wildcard certificate: lower case, no dot. */
static bool bucket_is_label(const char *bucket) {
    size_t length = strlen(bucket);
    if (length < 3 || length > REGION_MOST || bucket[0] == '-' || bucket[length - 1] == '-')
        return false;
    return strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static void fill_from_aws(struct endpoint *endpoint, enum aws_service service, const char *bucket) {
    const struct partition *partition = partition_of(endpoint->region);
    endpoint->path = x_strdup("");
    endpoint->tls = service != AWS_IMDS;
    endpoint->direct = service == AWS_IMDS;
    if (service == AWS_IMDS) {
        endpoint->host = x_strdup("169.254.169.254");
    } else if (service == AWS_IAM) {
        endpoint->host = x_strdup(partition->iam_host);
        x_replace(&endpoint->region, partition->iam_region);
    } else if (bucket && bucket_is_label(bucket)) {
        endpoint->host = x_printf("%s.s3.%s.%s", bucket, endpoint->region, partition->suffix);
    } else {
        endpoint->host = x_printf("%s.%s.%s", services[service].host, endpoint->region, partition->suffix);
    }
}

static bool bucket_valid(const char *bucket) {
    return *bucket && strlen(bucket) <= BUCKET_MOST && !strchr(bucket, '/') && strcmp(bucket, ".") != 0 &&
           strcmp(bucket, "..") != 0;
}

static void add_bucket_to_path(struct endpoint *endpoint, const char *bucket) {
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&path, "%s/", endpoint->path);
    percent_encode(&path, bucket, strlen(bucket), "");
    x_replace(&endpoint->path, path.data);
}

bool endpoint_resolve(struct endpoint *endpoint, const struct endpoints *overrides, enum aws_service service,
                      const char *region, const char *bucket, struct error *error) {
    const char *override = overrides ? overrides->url[service] : NULL;
    struct url url;
    *endpoint = (struct endpoint){0};
    if (service != AWS_IMDS && !region_valid(region)) {
        error_set(error, ERROR_INVALID, "\"%s\" is no region: one is written like us-east-1", region ? region : "");
        return false;
    }
    if (bucket && !bucket_valid(bucket)) {
        error_set(error, ERROR_INVALID, "\"%s\" is no name of a bucket", bucket);
        return false;
    }
    if (override && !split(&url, override, error))
        return false;
    endpoint->region = x_strdup(region ? region : "");
    if (override)
        fill_from_override(endpoint, &url);
    else
        fill_from_aws(endpoint, service, bucket);
    if (override && service == AWS_IAM)
        x_replace(&endpoint->region, partition_of(region)->iam_region);
    if (bucket && (override || !bucket_is_label(bucket)))
        add_bucket_to_path(endpoint, bucket);
    endpoint->url = x_printf("%s://%s", endpoint->tls ? "https" : "http", endpoint->host);
    return true;
}

void endpoint_fini(struct endpoint *endpoint) {
    free(endpoint->url);
    free(endpoint->host);
    free(endpoint->path);
    free(endpoint->region);
    *endpoint = (struct endpoint){0};
}
