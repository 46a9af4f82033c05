/* SPDX-License-Identifier: Apache-2.0 */
/* Where parts and files close sixteen times as early as in the daemon: see meson.build. A page is to a part what 1 MiB is to 5. */
#ifndef UNIT_JOB_SMALL_H
#define UNIT_JOB_SMALL_H

#include "job/plan.h"

#define SMALL_PAGE ((size_t)64 << 10)
#define SMALL_PART (5 * SMALL_PAGE) /* and a file: the store takes no smaller one but the last (cloud_part_least()) */

#endif
