/* SPDX-License-Identifier: Apache-2.0 */
/* What the control socket speaks, as GetInterfaceDescription tells it, and the names that both ends use. */
#ifndef CONTROL_INTERFACE_H
#define CONTROL_INTERFACE_H

struct control_interface {
    const char *name;
    const char *description; /* Varlink's own language, https://varlink.org/Interface-Definition */
};

extern const struct control_interface control_varlink_service; /* org.varlink.service */
extern const struct control_interface control_dynamodb_backup; /* io.dynamodb_backup */

/* NULL-terminated: both. */
extern const struct control_interface *const control_interfaces[];

#define CONTROL_STATUS  "io.dynamodb_backup.Status"
#define CONTROL_RUN     "io.dynamodb_backup.Run"
#define CONTROL_DRILL   "io.dynamodb_backup.Drill"
#define CONTROL_CANCEL  "io.dynamodb_backup.Cancel"
#define CONTROL_LIST    "io.dynamodb_backup.List"
#define CONTROL_SHOW    "io.dynamodb_backup.Show"
#define CONTROL_LINK    "io.dynamodb_backup.Link"
#define CONTROL_NEXT    "io.dynamodb_backup.Next"
#define CONTROL_RELOAD  "io.dynamodb_backup.Reload"
#define CONTROL_HISTORY "io.dynamodb_backup.History"
#define CONTROL_RESTORE "io.dynamodb_backup.Restore"
#define CONTROL_PRUNE   "io.dynamodb_backup.Prune"
#define CONTROL_VERIFY  "io.dynamodb_backup.Verify"

#define CONTROL_NO_SUCH_JOB       "io.dynamodb_backup.NoSuchJob"
#define CONTROL_NO_SUCH_BACKUP    "io.dynamodb_backup.NoSuchBackup"
#define CONTROL_ALREADY_RUNNING   "io.dynamodb_backup.AlreadyRunning"
#define CONTROL_NOT_RUNNING       "io.dynamodb_backup.NotRunning"
#define CONTROL_JOB_DISABLED      "io.dynamodb_backup.JobDisabled"
#define CONTROL_STOPPING          "io.dynamodb_backup.Stopping"
#define CONTROL_CONFIG_INVALID    "io.dynamodb_backup.ConfigInvalid"
#define CONTROL_PERMISSION_DENIED "io.dynamodb_backup.PermissionDenied"
#define CONTROL_FAILED            "io.dynamodb_backup.Failed"

#define VARLINK_INTERFACE_NOT_FOUND "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND    "org.varlink.service.MethodNotFound"
#define VARLINK_INVALID_PARAMETER   "org.varlink.service.InvalidParameter"

#endif
