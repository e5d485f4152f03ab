// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Contracts.Sites;

/// <summary>`address:port` that a process listens at; IPv6 addresses in brackets.</summary>
internal static class ListenAddress
{
    public const string Rule = "it must be address:port, such as 127.0.0.1:7401 or [::1]:7401";

    // An address alone is an end point to .NET, of any port; who wants that says `:0`.
    public static bool IsValid(string text) => IPEndPoint.TryParse(text, out var point)
        && text.EndsWith(string.Create(CultureInfo.InvariantCulture, $":{point.Port}"), StringComparison.Ordinal)
        && (point.AddressFamily is AddressFamily.InterNetwork || text.StartsWith('['));
}
