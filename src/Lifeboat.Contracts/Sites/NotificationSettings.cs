// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Contracts.Sites;

/// <summary>
/// `notifications` of `site.json`: a message broker (AMQP 0-9-1) that site events are published to, as the services of
/// OpenStack publish theirs.
/// </summary>
public sealed record NotificationSettings
{
    /// <summary>
    /// As `transport_url` of oslo.messaging, without a password: `rabbit://USER@HOST:PORT[,HOST:PORT]/VHOST`; `amqps`
    /// instead of `rabbit` for TLS. Several hosts are of one broker and tried in turn.
    /// </summary>
    public required string Url { get; init; }
    /// <summary>File with the user's password, mode 0600; relative to the site's directory.</summary>
    public string? PasswordFile { get; init; }
    /// <summary>PEM file of the CA that the broker's certificate comes from; absent: those of the system.</summary>
    public string? CaFile { get; init; }
    /// <summary>Each is the beginning of a queue's name, `TOPIC.info` and so on.</summary>
    public IReadOnlyList<string> Topics { get; init; } = ["notifications"];
    /// <summary>The topic exchange; `control_exchange` of the consumers.</summary>
    public string Exchange { get; init; } = "openstack";
    /// <summary>What is not there yet is made durable (`amqp_durable_queues` of the consumers).</summary>
    public bool Durable { get; init; }

    public IEnumerable<string> Problems()
    {
        var (_, _, hosts, problem) = Parse();
        if (problem is not null) yield return $"notifications.url is '{Shown}'; {problem}";
        else if (hosts.Count > 16) yield return "notifications.url names more than 16 hosts";
        if (Topics is not { Count: > 0 }) yield return "notifications.topics is empty";
        foreach (var topic in (Topics ?? []).Where(t => !IsName(t)))
            yield return $"notifications.topics: '{topic}' is no name; letters, digits, '.', '-' and '_', at most 100";
        if (!IsName(Exchange))
            yield return $"notifications.exchange is '{Exchange}'; letters, digits, '.', '-' and '_', at most 100";
        if (CaFile is not null && !Path.IsPathFullyQualified(CaFile))
            yield return $"notifications.caFile is '{CaFile}'; it must be an absolute path";
        if (PasswordFile is "") yield return "notifications.passwordFile is empty";
    }

    /// <summary>Of settings without problems.</summary>
    public (string User, string VirtualHost, IReadOnlyList<(string Host, int Port)> Hosts, bool IsTls) Broker()
    {
        var (user, virtualHost, hosts, _) = Parse();
        return (user, virtualHost, hosts, IsTls);
    }

    private bool IsTls => Url.StartsWith("amqps://", StringComparison.OrdinalIgnoreCase);

    // By hand: .NET takes no URL with several hosts.
    private (string User, string VirtualHost, List<(string Host, int Port)> Hosts, string? Problem) Parse()
    {
        const string form = "it must be rabbit://USER@HOST:PORT/VHOST, or amqps:// for TLS";
        var hosts = new List<(string, int)>();
        var scheme = new[] { "rabbit://", "amqp://", "amqps://" }.FirstOrDefault(
            s => Url.StartsWith(s, StringComparison.OrdinalIgnoreCase));
        if (scheme is null) return ("", "", hosts, form);
        var rest = Url[scheme.Length..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var virtualHost = slash < 0 ? "" : Uri.UnescapeDataString(rest[(slash + 1)..]);
        var user = "";
        foreach (var (index, part) in (slash < 0 ? rest : rest[..slash]).Split(',').Index())
        {
            var at = part.LastIndexOf('@');
            if (at >= 0 && part.AsSpan(0, at).Contains(':'))
                return ("", "", hosts, "a password does not belong into site.json; name a file as passwordFile");
            if (index == 0 && at >= 0) user = Uri.UnescapeDataString(part[..at]);
            if (AddressOf(part[(at + 1)..]) is not { } address) return ("", "", hosts, form);
            hosts.Add(address);
        }
        return user.Length == 0 ? (user, virtualHost, hosts, "it names no user: rabbit://USER@HOST")
            : (user, virtualHost.Length == 0 ? "/" : virtualHost, hosts, null);
    }

    private (string, int)? AddressOf(string text)
    {
        var colon = text.LastIndexOf(':');
        if (text.EndsWith(']')) colon = -1;
        var (host, port) = colon < 0 ? (text, IsTls ? "5671" : "5672") : (text[..colon], text[(colon + 1)..]);
        host = host.Trim('[', ']');
        return Uri.CheckHostName(host) is UriHostNameType.Unknown
            || !ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0
            ? null : (host, number);
    }

    // What may be a password is not told on.
    private string Shown => Url.LastIndexOf('@') is var at and > 0 ? "…" + Url[at..] : Url;

    private static bool IsName(string? text) => text is { Length: > 0 and <= 100 }
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}
