/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration in the making: the main file first, then one job file after the other, so that no more than one of them
 * need be in memory. Pure but for time zones. config_parse() and config_load() both stand on it.
 */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "config/config.h"

struct config_builder;

/* `main_file` is read at once; its `file` and `problems` are borrowed until the end. */
struct config_builder *config_builder_new(const struct config_text *main_file, config_getenv *environment,
                                          struct config_problems *problems);

/* The job that `text` describes, named after the file. */
void config_builder_job(struct config_builder *builder, const struct config_text *text);

/* Frees the builder. NULL where any problem was found. */
struct config *config_builder_finish(struct config_builder *builder);

#endif
