// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Protection.Plans;

/// <summary>A way into a drill for people: TCP to one port of one instance.</summary>
/// <param name="From">IPv4 addresses that are let in, as a CIDR.</param>
public sealed record DrillWay(string Instance, int Port, string From)
{
    public const string Form = "INSTANCE:PORT@CIDR, e.g. web:443@192.0.2.0/24";

    public static (DrillWay? Way, string? Problem) Parse(string text)
    {
        var at = text.LastIndexOf('@');
        var colon = at < 0 ? -1 : text.LastIndexOf(':', at);
        if (colon <= 0) return (null, $"way '{text}' is none; it must be {Form}");
        var (instance, port, from) = (text[..colon], text[(colon + 1)..at], text[(at + 1)..]);
        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            return (null, $"way '{text}': '{port}' is no TCP port");
        if (!IPNetwork.TryParse(from, out var network) || !from.Contains('/', StringComparison.Ordinal)
            || network.BaseAddress.AddressFamily is not AddressFamily.InterNetwork)
            return (null, $"way '{text}': '{from}' is no range of IPv4 addresses such as 192.0.2.0/24; one address is "
                + "192.0.2.7/32");
        return (new DrillWay(instance, number, from), null);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Instance}:{Port}@{From}");
}
