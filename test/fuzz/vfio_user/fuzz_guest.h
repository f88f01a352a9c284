/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FUZZ_GUEST_H
#define FUZZ_GUEST_H

/**
 * @file
 * A client with its function and its memory: commands, each judged by what it did to them.
 */

#include "fuzz_client.h"
#include "fuzz_function.h"
#include "fuzz_grants.h"

#define GUEST_BODY_MAX 256u
#define BAR            VFIO_PCI_BAR0_REGION_INDEX
#define CFG            VFIO_PCI_CONFIG_REGION_INDEX

struct fuzz_guest {
	struct fuzz_client client;
	struct fuzz_function *f;
	int event_fd;
	bool events_count; /* all interrupts go to event_fd, so each must be there */
	uint64_t sent;     /* what the server had sent when we began */
	uint64_t taken;    /* since then, out of event_fd */
	unsigned int fds;  /* open before the client came */
};

/** The only one: it lives from guest_open() to guest_close(), its memory as long as the process. */
extern struct fuzz_guest guest;

/** Once in the life of the process. */
void guest_prepare(void);

/** A client for the function that @p how chooses; its capabilities too. */
void guest_open(unsigned int how);

/** Disconnect and check that the function is as new and nothing of the client is left. */
void guest_close(void);

/** The same in the middle of an input, and back. */
void guest_leave(void);
void guest_join(unsigned int how);

/** Send a command; @p backing: what its descriptor is, if it is a mapping. @return its error. */
int guest_command(const struct fuzz_command *cmd, enum fuzz_backing backing);
int guest_send(uint16_t number, const void *body, size_t size);
int guest_write(uint32_t region, uint64_t offset, const void *data, uint32_t len);
int guest_map(const struct vfu_dma_map *map, enum fuzz_backing backing);
int guest_set_irqs(uint32_t flags, uint32_t index, const int *fd);

/** A write that must be accepted. */
void guest_write_reg(uint32_t region, uint64_t offset, unsigned int width, uint64_t value);

/** As many events came as the server counts. */
void guest_check_events(void);

#endif /* FUZZ_GUEST_H */
