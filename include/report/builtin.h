/* SPDX-License-Identifier: Apache-2.0 */
/* The files of conf/templates, built in by daemon/report/embed.py. For report/mail.c. */
#ifndef REPORT_BUILTIN_H
#define REPORT_BUILTIN_H

extern const char template_success_html[], template_success_txt[], template_failure_html[], template_failure_txt[];
extern const char template_drill_success_html[], template_drill_success_txt[], template_drill_failure_html[],
    template_drill_failure_txt[];

#endif
