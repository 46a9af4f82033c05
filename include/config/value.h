/* SPDX-License-Identifier: Apache-2.0 */
/* How values are written: time spans (systemd.time(7)), sizes, numbers, booleans. Pure; false where it is not that form. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct config_capacity;
struct config_period;

/* "90s", "5min", "1h 30min", "1.5h", "7d", "90" (seconds); milliseconds, what is less is dropped. */
bool value_span(const char *text, int64_t *ms);

/* "1y 6months", "4w", "30d12h": whole numbers, each with its unit, not all 0. "m" is none: restic means a month by it,
 * systemd a minute. */
bool value_period(const char *text, struct config_period *period);

/* "65536", "64K", "64M", "2G", "1T"; powers of 1024. */
bool value_size(const char *text, uint64_t *bytes);

/* Decimal digits alone. */
bool value_number(const char *text, uint64_t *number);

/* "20%" */
bool value_percent(const char *text, uint64_t *percent);

/* "500", "25%"; a share is 1 to 100. */
bool value_capacity(const char *text, struct config_capacity *capacity);

/* yes, true, on, 1; no, false, off, 0; in any case. */
bool value_boolean(const char *text, bool *value);

/* The shortest way to write them that is read back as the same: "1h 30min", "64M". */
void value_format_span(struct buffer *out, int64_t ms);
void value_format_period(struct buffer *out,
                         const struct config_period *period); /* "1y 6M 30d 12h"; "none" for all 0 */
void value_format_size(struct buffer *out, uint64_t bytes);

#endif
