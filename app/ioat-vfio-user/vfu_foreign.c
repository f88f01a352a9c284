/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfu_event.h"
#include "vfu_foreign.h"
#include "vfu_mem.h"

int
vfu_foreign_check(int fd)
{
	/* Only files in shared memory have seals, and the kernel answers for them. */
	if (fcntl(fd, F_GET_SEALS) < 0 && vfu_event_is_one(fd))
		return 0;
	return vfu_mem_check_file(fd);
}

void
vfu_foreign_close(int fd)
{
	const struct linger none = {.l_onoff = 1, .l_linger = 0};

	/* A socket of another's may be set to wait for its peer. What is no socket refuses. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}
