/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_DEVICES_H
#define DMAFWD_DEVICES_H

/**
 * Check that each device which EAL was asked for (-a, --vdev) has a driver: EAL itself starts
 * without those that fail, and the ports that are left would be paired in another way. Logs each
 * one that is missing. After rte_eal_init(), main thread only.
 * @return 0; -ENODEV: at least one is missing
 */
int devices_check(void);

#endif /* DMAFWD_DEVICES_H */
