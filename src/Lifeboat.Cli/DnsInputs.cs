// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Cli;

/// <summary>The names of a group, as `plan set` takes them.</summary>
internal sealed class DnsInputs
{
    private readonly Option<string[]> _names = new("--dns")
    {
        Description = "NAME=INSTANCE[:NETWORK|:MAC], a name in DNS that leads to the instance wherever it runs; may be "
            + "repeated, the same name for several instances, and replaces all names before",
        HelpName = "NAME",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _addresses = new("--dns-address")
    {
        Description = "NAME@SITE=ADDRESS, where the name leads to when the group runs at that site, in the place of "
            + "what the site knows; may be repeated, with --dns",
        HelpName = "ADDRESS",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _reverse = new("--dns-reverse")
    {
        Description = "The addresses lead back to the names (PTR); with --dns",
    };

    private readonly Option<TimeSpan?> _ttl = Inputs.Duration("--dns-ttl",
        "How long answers are kept, whole seconds from 0s to 1d (default 1m)");

    private readonly Option<bool> _none = new("--no-dns") { Description = "No names any more; their records stay" };

    public IReadOnlyList<Option> Options => [_names, _addresses, _reverse, _ttl, _none];

    public TimeSpan? Ttl(ParseResult parsed) => parsed.GetValue(_ttl);

    /// <returns>Null: they stay as they are.</returns>
    public IReadOnlyList<DnsName>? Read(ParseResult parsed, List<string> faults)
    {
        var (said, none) = (parsed.GetRequiredValue(_names), parsed.GetValue(_none));
        var addresses = Addresses(parsed.GetRequiredValue(_addresses), faults);
        if (none && said.Length > 0) faults.Add("--dns and --no-dns are both given");
        if (said.Length == 0)
        {
            if (addresses.Count > 0 || parsed.GetValue(_reverse))
                faults.Add("--dns-address and --dns-reverse are about names: give all of them with --dns");
            return none ? [] : null;
        }
        var targets = new List<(string Name, DnsTarget Target)>();
        foreach (var text in said)
        {
            if (text.Split('=', 2) is [{ Length: > 0 } name, { Length: > 0 } target])
                targets.Add((GroupDns.Normal(name), DnsTarget.Parse(target)));
            else faults.Add($"--dns '{text}': it is written NAME=INSTANCE, NAME=INSTANCE:NETWORK or NAME=INSTANCE:MAC");
        }
        foreach (var name in addresses.Select(a => a.Name).Except(targets.Select(t => t.Name)))
            faults.Add($"--dns-address: {name} is not among the names of --dns");
        return
        [
            .. targets.GroupBy(t => t.Name, t => t.Target).Select(name => new DnsName
            {
                Name = name.Key,
                Targets = [.. name.Distinct()],
                Addresses = addresses.Where(a => a.Name == name.Key).GroupBy(a => a.Site, a => a.Address)
                    .ToDictionary(s => s.Key, s => (IReadOnlyList<string>)[.. s]),
                Reverse = parsed.GetValue(_reverse),
            }),
        ];
    }

    private static List<(string Name, string Site, string Address)> Addresses(string[] said, List<string> faults)
    {
        var read = new List<(string, string, string)>();
        foreach (var text in said)
        {
            if (text.Split('=', 2) is [var where, { Length: > 0 } address]
                && where.Split('@') is [{ Length: > 0 } name, { Length: > 0 } site])
                read.Add((GroupDns.Normal(name), site, address));
            else faults.Add($"--dns-address '{text}': it is written NAME@SITE=ADDRESS");
        }
        return read;
    }
}
