// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli;

/// <summary>Puts the command files of Commands/ under their nouns. Adding a command is adding its file.</summary>
internal static class CommandTree
{
    private static readonly Dictionary<string, string> Nouns = new()
    {
        ["site"] = "This site: set up, start, stop, pair with another",
        ["link"] = "Links to paired sites",
        ["instance"] = "The virtual machines of this site",
        ["group"] = "Protection groups",
        ["policy"] = "Named policies, which groups follow",
        ["plan"] = "What the runs of groups are made from: boot order and checks",
        ["volume"] = "Volumes of protection groups, where their instances run",
        ["application"] = "Applications: groups that share recovery points",
        ["seed"] = "Seeds: disks carried to the recovery site instead of sent",
        ["quiesce"] = "Instances held at rest by request, and who can do that",
        ["followup"] = "What waits for somebody to look at it",
        ["point"] = "Recovery points and views of them",
        ["run"] = "Runs of recovery plans",
        ["evacuation"] = "Moves of a site's groups to this one, in waves",
        ["project"] = "The project of a cloud, made here like the one of another site",
        ["report"] = "Reports of runs",
        ["event"] = "What happens at this site",
        ["operation"] = "Changes that nobody waits for",
        ["db"] = "The database of the site's controllers",
        ["alert"] = "Alerts: what is wrong, since when, what to do",
        ["usage"] = "What tenants and groups used, and what that costs",
        ["alert target"] = "Where alerts are sent to: webhooks and mail",
        ["tenant"] = "Tenants: whose groups they are, and how much each may have",
        ["user"] = "Users of this site and what they may do",
        ["token"] = "Tokens that users reach the API with",
        ["access"] = "Access rules: who may ask which operation of the API",
        ["audit"] = "The audit log: who changed what",
    };

    /// <param name="args">
    /// Of a process that runs for long, as it is started: it does not carry what all the other commands need.
    /// </param>
    public static RootCommand Build(IReadOnlyList<string>? args = null)
    {
        var root = new RootCommand("Lifeboat: disaster recovery for OpenStack and KVM");
        root.Add(GlobalOptions.SiteDirectory);
        root.Add(GlobalOptions.Output);
        root.Add(GlobalOptions.Profile);
        root.Add(GlobalOptions.OsCloud);
        root.Add(GlobalOptions.Tenant);
        // One of two words is a noun below another one.
        var nouns = Nouns.ToDictionary(n => n.Key, n => new Command(n.Key.Split(' ')[^1], n.Value));
        foreach (var (name, noun) in nouns) (name.Split(' ') is [var above, _] ? nouns[above] : root).Add(noun);
        var all = args is [var role, "--site-dir", _] && role.All(char.IsAsciiLetter)
            && Only(role) is { Noun: null } only ? [only] : Discover().ToList();
        // One that is run by itself may be a noun too: `agent`, and `agent list`.
        foreach (var command in all.Where(c => c.Noun is null))
        {
            root.Add(command);
            nouns.Add(command.Name, command);
        }
        foreach (var command in all.Where(c => c.Noun is not null)) nouns[command.Noun!].Add(command);
        return root;
    }

    // Asked by its name, so that no other is loaded.
    private static LifeboatCommand? Only(string role) => typeof(CommandTree).Assembly.GetType(
        $"{typeof(CommandTree).Namespace}.Commands.{role}Command", throwOnError: false, ignoreCase: true) is { } type
        && type.IsSubclassOf(typeof(LifeboatCommand)) ? (LifeboatCommand)Activator.CreateInstance(type)! : null;

    private static IEnumerable<LifeboatCommand> Discover() =>
        from type in typeof(CommandTree).Assembly.GetTypes()
        where type.IsSubclassOf(typeof(LifeboatCommand)) && !type.IsAbstract
        orderby type.Name
        select (LifeboatCommand)Activator.CreateInstance(type)!;
}
