// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Access.Rules;

// Whether a caller may ask an operation. Below it, whatever a rule says:
//   what is the site's is refused to a tenant's users (EndpointRights.OfSite), and a tenant's users name nothing of
//   another tenant (TenantScope);
//   a token with fewer rights than its user does no more than those would let by default;
//   whoever opened the unix socket is the site's own operator, so that no slip in a file locks everybody out.
internal sealed partial class AccessRules(SiteConfiguration site, SitePaths paths, TimeProvider time,
    ILogger<AccessRules> logger) : IRaisesAlerts
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private readonly Lock _reading = new();
    private RuleDefaults? _defaults;
    private IReadOnlyDictionary<string, AccessRule> _byDefault = new Dictionary<string, AccessRule>();
    private Known? _known;
    private long _looked;

    /// <summary>The operator's file; null: there is none, all rules are the defaults.</summary>
    public string? File { get; } = site.AccessRules is { } file ? Path.Combine(paths.Root, file) : null;

    public RuleDefaults Defaults => _defaults
        ?? throw new InvalidOperationException("the endpoints are not mapped yet");

    /// <summary>What holds now, by name; and what is wrong with the file as it is now, which is why an older one holds.
    /// </summary>
    public (IReadOnlyDictionary<string, AccessRule> Rules, IReadOnlyList<ProblemFault> Faults) Now()
    {
        var known = Current();
        return (known.Rules, known.Faults);
    }

    /// <summary>Once all endpoints are mapped: they say the defaults.</summary>
    /// <exception cref="ProblemException">InvalidRequest: the file has faults; all are told.</exception>
    public void Begin(IEnumerable<EndpointDataSource> sources)
    {
        _defaults = RuleDefaults.Of(sources);
        _byDefault = RuleFile.Read(_defaults, "", "").Rules;
        var (rules, faults, stamp) = Read();
        if (faults.Count > 0)
            throw ProblemException.Of(faults.Count == 1 ? "the access rules have a fault"
                : $"the access rules have {faults.Count} faults", faults);
        (_known, _looked) = (new Known(rules!, [], stamp), time.GetTimestamp());
    }

    /// <exception cref="ProblemException">NotAllowed: the rule of the operation does not let the caller.</exception>
    public void Require(HttpContext context, Caller caller, EndpointRights needed)
    {
        if (RuleOf(context) is not { } name) caller.RequireOne(needed.Any);
        // Of which kind and group the run is, is not known before the handler, which asks the rule of the kind.
        else if (IsOfRuns(needed) && IsChanged(RuleDefaults.AnyRun, Current().Rules)
            && Current().Rules[name].From is null) return;
        else Require(context, caller, name, null, () => caller.RequireOne(needed.Any));
    }

    /// <summary>What may be done with a run of a kind.</summary>
    /// <exception cref="ProblemException">NotAllowed; InvalidRequest.</exception>
    public void RequireRun(HttpContext http, RunKind kind, string group)
    {
        if (!Enum.IsDefined(kind))
            throw new ProblemException(ReasonCode.InvalidRequest, $"kind is {(int)kind}; there is no such kind of run");
        var caller = Caller.Of(http);
        Require(http, caller, RuleDefaults.NameOf(kind), (RuleDefaults.Shown(kind), group),
            () => caller.Require(RunRights.Of(kind)));
        AuditTrail.Note(http, $"{RunRules.Name(kind)} of {group}");
    }

    /// <summary>Whether the rule of the operation lets the caller.</summary>
    public bool Lets(HttpContext context, Caller caller) => RuleOf(context) is { } name
        ? Holds(Target(context, caller, null), caller, name)
        : context.GetEndpoint()?.Metadata.GetMetadata<EndpointRights>() is { } needed && needed.Any.Any(caller.Has);

    /// <summary>Whether it would without a file: all that a token with fewer rights lets.</summary>
    public bool HoldsByDefault(string name, IReadOnlyDictionary<string, IReadOnlyList<string>> caller,
        IReadOnlyDictionary<string, string> target) => Holds(_byDefault, name, caller, target);

    public IReadOnlyList<Condition> Conditions(Observation now) => Current() is { Faults: [var first, ..] faults }
        ?
        [
            new Condition(AlertKind.AccessRulesFaulty, AlertSeverity.Warning, File!, ReasonCode.InvalidRequest,
                faults is [_] ? $"{first}: the rules from before hold on"
                    : $"{first}, and {faults.Count - 1} more faults: the rules from before hold on",
                "`lifeboat access check --file FILE` tells all faults. A controller that is started anew refuses the "
                + "file.")
            {
                Patience = TimeSpan.Zero,
            },
        ]
        : [];

    private void Require(HttpContext context, Caller caller, string name, (string Kind, string Group)? run,
        Action byRights)
    {
        if (Holds(Target(context, caller, run), caller, name)) return;
        // Refused by default: what is missing is a right, and has a name.
        if (!IsChanged(name, Current().Rules)) byRights();
        throw new ProblemException(ReasonCode.NotAllowed, $"the access rules do not let {caller.Name} do {name}",
            "`lifeboat access check` says why, to who administers the site.");
    }

    private bool Holds(IReadOnlyDictionary<string, string> target, Caller caller, string name)
    {
        if (caller.Identity.Means == Identity.Local.Means) return true;
        var attributes = RuleCaller.Of(caller.Identity);
        return Holds(Current().Rules, name, attributes, target)
            && (!caller.Identity.IsLimited || HoldsByDefault(name, attributes, target));
    }

    private static bool Holds(IReadOnlyDictionary<string, AccessRule> rules, string name,
        IReadOnlyDictionary<string, IReadOnlyList<string>> caller, IReadOnlyDictionary<string, string> target) =>
        new RuleQuestion(caller, target, n => rules[n].Check).Holds(rules[name].Check);

    private static bool IsOfRuns(EndpointRights needed) => needed.Any.SequenceEqual(RunRights.Any);

    private static bool IsChanged(string name, IReadOnlyDictionary<string, AccessRule> rules) =>
        rules[name].From is not null || RuleFile.References(rules[name].Check).Any(n => IsChanged(n, rules));

    // Null: what no route takes, which any right lets be told.
    private string? RuleOf(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<ApiOperation>() is { }
        operation ? Defaults.Names.GetValueOrDefault(operation.Key) : null;

    // As the request names it, but a group by its full name: whose it is, is looked at behind this.
    private IReadOnlyDictionary<string, string> Target(HttpContext context, Caller caller,
        (string Kind, string Group)? run)
    {
        var target = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in context.Request.RouteValues)
            if (value?.ToString() is { Length: > 0 } text) target[key] = text;
        if (run is { } of) (target["kind"], target["group"]) = (of.Kind, of.Group);
        else if (target.TryGetValue("group", out var group) && caller.Tenant is { } tenant)
        {
            target.Remove("group");
            if (GroupName.Within(tenant, group) is { } full) target["group"] = full;
        }
        if (target.TryGetValue("user", out var user)) target["user_id"] = user;
        if (caller.Tenant is { } own && target.TryAdd("tenant", own) && ProjectOf(own, caller.Identity) is { } project)
            target["project_id"] = project;
        return target;
    }

    private string? ProjectOf(string tenant, Identity identity) =>
        identity.Tenant == tenant ? identity.Cloud?.ProjectId
        : site.Keystone?.Projects.FirstOrDefault(p => p.Value == tenant).Key;

    private Known Current()
    {
        var known = _known ?? throw new InvalidOperationException("the access rules were not read yet");
        if (File is null || time.GetElapsedTime(Volatile.Read(ref _looked)) < LookEvery) return known;
        lock (_reading)
        {
            Volatile.Write(ref _looked, time.GetTimestamp());
            known = _known;
            if (StampOf(File) == known.Stamp) return known;
            var (rules, faults, stamp) = Read();
            if (faults.Count == 0) LogRead(File, rules!.Values.Count(r => r.From is not null));
            else LogRefused(File, string.Join("; ", faults.Take(20)));
            return _known = new Known(rules ?? known.Rules, faults, stamp);
        }
    }

    private (IReadOnlyDictionary<string, AccessRule>? Rules, IReadOnlyList<ProblemFault> Faults, Stamp Stamp) Read()
    {
        if (File is null) return (_byDefault, [], default);
        // Before the file is read: one that changes meanwhile is read again.
        var stamp = StampOf(File);
        try
        {
            if (stamp.Length > RuleFile.BytesMax)
                return (null, [Fault($"it has {stamp.Length} bytes; a file of rules has {RuleFile.BytesMax} at most")],
                    stamp);
            var (rules, faults) = RuleFile.Read(Defaults, File, System.IO.File.ReadAllText(File));
            return (faults.Count == 0 ? rules : null, faults, stamp);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, [Fault($"it cannot be read: {e.Message}")], stamp);
        }
    }

    private ProblemFault Fault(string what) => new(what, At: new FilePlace(File!, 1, 1));

    private static Stamp StampOf(string file)
    {
        var info = new FileInfo(file);
        return info.Exists ? new Stamp(info.LastWriteTimeUtc, info.Length) : default;
    }

    [LoggerMessage(EventIds.AccessRulesRead, LogLevel.Information,
        "Access rules were read anew from {File}; {Count} are the file's")]
    private partial void LogRead(string file, int count);

    [LoggerMessage(EventIds.AccessRulesRefused, LogLevel.Error,
        "Access rules in {File} have faults, those from before hold on: {Faults}")]
    private partial void LogRefused(string file, string faults);

    private readonly record struct Stamp(DateTime Written, long Length);

    private sealed record Known(IReadOnlyDictionary<string, AccessRule> Rules, IReadOnlyList<ProblemFault> Faults,
        Stamp Stamp);
}
