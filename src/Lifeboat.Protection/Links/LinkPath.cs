// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Lifeboat.Protection.Links;

/// <summary>One way to a paired site, of which a link may use several at once.</summary>
/// <param name="Text">As it was given: `LOCAL` or `LOCAL=HOST:PORT`.</param>
/// <param name="Address">The local address to connect from; null: the system's choice.</param>
/// <param name="Device">The network device to connect through; null: by the routes.</param>
/// <param name="Target">`host:port` of the other agent on this way; null: its usual one.</param>
public sealed record LinkPath(string Text, IPAddress? Address, string? Device, string? Target)
{
    /// <summary>No wish: the system's choice of everything.</summary>
    public static readonly LinkPath Any = new("any", null, null, null);

    private const int DeviceNameMax = 15;

    /// <summary>Null with what is wrong about the text.</summary>
    public static LinkPath? Read(string text, ICollection<string> problems)
    {
        var parts = text.Split('=', 2);
        var (local, target) = (parts[0].Trim(), parts.Length == 2 ? parts[1].Trim() : null);
        if (target is not null && !IsHostAndPort(target))
            problems.Add($"path '{text}': '{target}' is not host:port");
        else if (IPAddress.TryParse(local, out var address)) return new LinkPath(text, address, null, target);
        else if (local is "any") return new LinkPath(text, null, null, target);
        else if (IsDevice(local)) return new LinkPath(text, null, local, target);
        else problems.Add($"path '{text}': '{local}' is neither an address, nor a network device, nor 'any'");
        return null;
    }

    public override string ToString() => Text;

    private static bool IsDevice(string text) => text.Length is > 0 and <= DeviceNameMax
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '@');

    private static bool IsHostAndPort(string text) => text.LastIndexOf(':') is > 0 and var colon
        && ushort.TryParse(text.AsSpan(colon + 1), out var port) && port > 0;
}
