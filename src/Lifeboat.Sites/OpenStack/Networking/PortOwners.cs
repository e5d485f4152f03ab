// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Networking;

/// <summary>Ports that are Neutron's own, by their `device_owner`.</summary>
internal static class PortOwners
{
    public const string DhcpAgent = "network:dhcp";
    /// <summary>A port with this as its device is the next DHCP agent's that needs one.</summary>
    public const string ReservedForDhcp = "reserved_dhcp_port";

    public static readonly IReadOnlyList<string> Routers =
        ["network:router_interface", "network:router_interface_distributed",
         "network:ha_router_replicated_interface"];

    /// <summary>OVN has one that is of no agent.</summary>
    public static readonly IReadOnlyList<string> Dhcp = [DhcpAgent, "network:distributed"];

    public static bool IsRouter(this NeutronPort port) => Routers.Contains(port.DeviceOwner);

    public static bool IsDhcp(this NeutronPort port) => Dhcp.Contains(port.DeviceOwner);
}
