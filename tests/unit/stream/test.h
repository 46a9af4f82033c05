/* SPDX-License-Identifier: Apache-2.0 */
/* What every test here includes: cmocka wants these headers before its own. */
#ifndef TESTS_STREAM_TEST_H
#define TESTS_STREAM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
