// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using System.Text.Json;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Protection.Plans;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Access.Rules;

/// <summary>A rule that is there without any file.</summary>
/// <param name="Operations">Method and route of each operation that it is asked for; none: others name it.</param>
/// <param name="OfSite">Users of tenants are refused whatever the rule says.</param>
internal sealed record DefaultRule(string Name, string Text, string Description, IReadOnlyList<string> Operations,
    bool OfSite);

/// <summary>
/// The rules that the endpoints themselves say, by the rights that they need: one for each operation of the API, one
/// for each kind of run.
/// </summary>
internal sealed class RuleDefaults
{
    public const string AnyRight = "lifeboat:any_right", AnyRun = "lifeboat:run_kinds:any";

    /// <summary>Attributes of a caller that rules may name.</summary>
    public static readonly IReadOnlyList<string> CallerAttributes =
    [
        "is_admin", "means", "project_domain_id", "project_id", "project_name", "rights", "roles", "system_scope",
        "tenant", "user_domain_id", "user_id", "user_name",
    ];

    private RuleDefaults(IReadOnlyList<DefaultRule> rules, FrozenDictionary<string, string> names,
        IReadOnlyList<string> targets) => (Rules, Names, TargetAttributes) = (rules, names, targets);

    public IReadOnlyList<DefaultRule> Rules { get; }

    /// <summary>The rule of an operation, by its key.</summary>
    public FrozenDictionary<string, string> Names { get; }

    /// <summary>What a request is about: parameters of routes, whose it is, the kind of a run.</summary>
    public IReadOnlyList<string> TargetAttributes { get; }

    public static RuleDefaults Of(IEnumerable<EndpointDataSource> sources)
    {
        var endpoints = sources.SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Select(e => (Route: e, Rights: e.Metadata.GetMetadata<EndpointRights>(),
                Operation: e.Metadata.GetMetadata<ApiOperation>()))
            .Where(e => e is { Rights.IsOpen: false, Operation: not null }).ToList();
        var rules = Shared().Concat(endpoints.Select(e => new DefaultRule(NameOf(e.Operation!), Text(e.Rights!.Any),
            e.Operation!.Summary, [e.Operation.Key], e.Rights.OfSite))
            .OrderBy(r => r.Name, StringComparer.Ordinal)).ToList();
        var parameters = endpoints.SelectMany(e => e.Route.RoutePattern.Parameters).Select(p => p.Name);
        return new RuleDefaults(rules,
            endpoints.ToFrozenDictionary(e => e.Operation!.Key, e => NameOf(e.Operation!), StringComparer.Ordinal),
            [.. parameters.Concat(["kind", "project_id", "tenant", "user_id"]).Distinct(StringComparer.Ordinal)]);
    }

    /// <summary>`lifeboat:`, the operation's tag, its id in the way OpenStack writes such names.</summary>
    public static string NameOf(ApiOperation operation) =>
        $"lifeboat:{Snake(ApiOperations.TagOf(operation.Route))}:{Snake(operation.Id)}";

    public static string NameOf(RunKind kind) => $"lifeboat:run_kinds:{Snake(kind.ToString())}";

    public static string Shown<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    private static IEnumerable<DefaultRule> Shared()
    {
        yield return new DefaultRule(AnyRight, Alternatives(RoleRights.All), "Who has any right at all.", [], false);
        foreach (var kind in Enum.GetValues<RunKind>())
            yield return new DefaultRule(NameOf(kind), string.Join(" and ", RunRights.Of(kind)
                .Select(r => $"rights:{Shown(r)}")), $"Who may start, approve, cancel, retry or release a run of the "
                + $"kind {Shown(kind)}.", [], false);
        yield return new DefaultRule(AnyRun, string.Join(" or ", Enum.GetValues<RunKind>()
            .Select(k => $"rule:{NameOf(k)}")), "Who may do so with a run of any kind.", [], false);
    }

    private static string Text(IReadOnlyList<Right> any) =>
        any.Count == RoleRights.All.Count ? $"rule:{AnyRight}"
        : any.SequenceEqual(RunRights.Any) ? $"rule:{AnyRun}"
        : Alternatives(any);

    private static string Alternatives(IEnumerable<Right> any) =>
        string.Join(" or ", any.Select(r => $"rights:{Shown(r)}"));

    private static string Snake(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
