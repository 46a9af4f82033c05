/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a call goes to: a method's row, org.varlink.service (https://varlink.org/Service), or an error that names what is unknown. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "private.h"

static void get_info(struct control_server *server, struct control_request *request) {
    struct json_object *info = json_object_new_object(), *names = json_object_new_array();
    json_put_string(info, "vendor", "dynamodb-backupd");
    json_put_string(info, "product", "dynamodb-backupd");
    json_put_string(info, "version", server->version);
    json_put_string(info, "url", "man:dynamodb-backupd(8)");
    for (const struct control_interface *const *one = server->options.interfaces; *one; one++)
        json_object_array_add(names, json_object_new_string((*one)->name));
    json_object_object_add(info, "interfaces", names);
    control_reply(request, info);
}

static const struct control_interface *find_interface(const struct control_server *server, const char *name,
                                                      size_t length) {
    for (const struct control_interface *const *one = server->options.interfaces; *one; one++)
        if (strlen((*one)->name) == length && memcmp((*one)->name, name, length) == 0)
            return *one;
    return NULL;
}

static void reply_not_found(struct control_request *request, const char *error, const char *member, const char *name,
                            size_t length) {
    struct json_object *parameters = json_object_new_object();
    json_object_object_add(parameters, member, json_object_new_string_len(name, (int)length));
    control_reply_error(request, error, parameters);
}

static void get_interface_description(struct control_server *server, struct control_request *request) {
    const char *name;
    if (!control_need_text(request, "interface", &name))
        return;
    const struct control_interface *interface = find_interface(server, name, strlen(name));
    if (!interface) {
        reply_not_found(request, VARLINK_INTERFACE_NOT_FOUND, "interface", name, strlen(name));
        return;
    }
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "description", interface->description);
    control_reply(request, parameters);
}

static const struct {
    const char *name;
    void (*call)(struct control_server *server, struct control_request *request);
} own_methods[] = {
    {"org.varlink.service.GetInfo", get_info},
    {"org.varlink.service.GetInterfaceDescription", get_interface_description},
};

static void refuse_unknown(struct control_server *server, struct control_request *request) {
    const char *method = request->call.method, *dot = strrchr(method, '.');
    size_t length = dot ? (size_t)(dot - method) : 0;
    if (find_interface(server, method, length))
        reply_not_found(request, VARLINK_METHOD_NOT_FOUND, "method", method, strlen(method));
    else
        reply_not_found(request, VARLINK_INTERFACE_NOT_FOUND, "interface", method, dot ? length : strlen(method));
}

void service_dispatch(struct control_server *server, struct control_request *request) {
    const char *method = request->call.method;
    for (size_t i = 0; i < array_length(own_methods); i++)
        if (strcmp(own_methods[i].name, method) == 0) {
            own_methods[i].call(server, request);
            return;
        }
    for (size_t i = 0; i < server->options.method_count; i++)
        if (strcmp(server->options.methods[i].name, method) == 0) {
            server->options.methods[i].call(server->options.arg, request);
            return;
        }
    refuse_unknown(server, request);
}
