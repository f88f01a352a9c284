/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_KERNEL_IF_H
#define DMAFWD_KERNEL_IF_H

/**
 * @file
 * The interface of the kernel behind a port: what DPDK does not know of it.
 */

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define KERNEL_IF_OFFLOADS 64

struct kernel_if {
	char name[IF_NAMESIZE]; /* empty: there is none */
	uint16_t mtu;           /* 0: unknown */
	bool promiscuous;
	/* Offloads that are on and change frames on their way to a packet socket, as ethtool -K
	 * takes them ("tso off gro off"); empty: there is none. On a veth those of the sender
	 * count, which is the other end: both ends start alike.
	 */
	char offloads[KERNEL_IF_OFFLOADS];
};

/** Read what can be read of interface @p index; 0 is no interface. */
void kernel_if_read(struct kernel_if *k, unsigned int index);

/** @return 0; a negative errno. */
int kernel_if_set_mtu(const struct kernel_if *k);

#endif /* DMAFWD_KERNEL_IF_H */
