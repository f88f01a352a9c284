/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "log.h"

RTE_LOG_REGISTER(dmafwd_logtype, app.dmafwd, INFO);
