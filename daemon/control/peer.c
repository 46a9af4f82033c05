/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of the socket, as the kernel says (unix(7): SO_PEERCRED; SO_PEERGROUPS since Linux 4.13). */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "private.h"

#define MOST_GROUPS 65536 /* NGROUPS_MAX */

gid_t peer_group(const char *name) {
    char text[16384];
    struct group group, *found = NULL;
    return getgrnam_r(name, &group, text, sizeof text, &found) == 0 && found ? found->gr_gid : NO_GROUP;
}

static bool has_group(int socket, gid_t group) {
    socklen_t length = 64 * sizeof(gid_t);
    gid_t *groups = x_malloc(length);
    int status = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
    if (status < 0 && errno == ERANGE && length <= MOST_GROUPS * sizeof(gid_t)) {
        groups = x_realloc(groups, length);
        status = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
    }
    bool found = false;
    for (size_t i = 0; status == 0 && i < length / sizeof(gid_t); i++)
        found = found || groups[i] == group;
    free(groups);
    return found;
}

bool peer_is_allowed(int socket, gid_t group, char by[PEER_TEXT]) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        snprintf(by, PEER_TEXT, "an unknown user");
        return false;
    }
    if (peer.uid == 0)
        snprintf(by, PEER_TEXT, "root");
    else
        snprintf(by, PEER_TEXT, "user %u", (unsigned)peer.uid);
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    return group != NO_GROUP && (peer.gid == group || has_group(socket, group));
}
