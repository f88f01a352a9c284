/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_FRAME_LIMITS_H
#define DMAFWD_FRAME_LIMITS_H

/**
 * @file
 * The longest frame that a port passes whole. Some drivers cut longer frames, or free them and
 * count them as sent, and announce no limit: what they do is known from their source (DPDK 22.11
 * to 26.07).
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

/** Legal values of the argument framesz of net_af_packet, as far as the buffers go. */
#define FRAME_LIMITS_FRAMESZ_MIN 128
#define FRAME_LIMITS_FRAMESZ_MAX 32768

struct frame_limits {
	uint32_t rx, tx;    /* bytes of the longest frame, without CRC; UINT32_MAX: none is known */
	uint16_t buffer;    /* data room that a receive buffer must have */
	bool kernel_frames; /* frames come as the kernel has them: merged, sums left out */
	const char *argument; /* the device argument that sets rx and tx; NULL: there is none */
};

/**
 * Find the limits of a port.
 * @param info what rte_eth_dev_info_get() said
 * @param args the arguments that the device was made with; NULL: none
 * @param[out] bad_value the value of @a argument when it is refused
 * @return
 *   0: success.
 *   -EINVAL: no receive buffer holds what the driver may write into it with this value.
 */
int frame_limits_find(struct frame_limits *lim, const struct rte_eth_dev_info *info,
                      const char *args, uint32_t *bad_value);

/**
 * @param frame bytes of a frame, without CRC
 * @return the power of two for @a argument with which the port receives @p frame whole.
 */
uint32_t frame_limits_argument_for(uint32_t frame);

#endif /* DMAFWD_FRAME_LIMITS_H */
