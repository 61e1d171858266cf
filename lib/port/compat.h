/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * What DPDK has renamed since 22.11: the bonding PMD's "slave" became "member" in 23.11. The rest
 * of this room writes the new names.
 */
#ifndef WB_PORT_COMPAT_H
#define WB_PORT_COMPAT_H

#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
#define rte_eth_bond_member_add		rte_eth_bond_slave_add
#define rte_eth_bond_member_remove	rte_eth_bond_slave_remove
#define rte_eth_bond_active_members_get rte_eth_bond_active_slaves_get
#define rte_eth_bond_8023ad_member_info rte_eth_bond_8023ad_slave_info
#endif

#endif
