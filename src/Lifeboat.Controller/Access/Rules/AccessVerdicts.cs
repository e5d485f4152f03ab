// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;

namespace Lifeboat.Controller.Access.Rules;

/// <summary>Says what the rules are, and whom they would let.</summary>
internal sealed class AccessVerdicts(AccessRules rules, Callers callers)
{
    public AccessRulesInfo All()
    {
        var (now, faults) = rules.Now();
        var defaults = rules.Defaults.Rules.ToDictionary(r => r.Name, StringComparer.Ordinal);
        return new AccessRulesInfo(rules.File,
        [
            .. now.Values.Select(r => defaults.GetValueOrDefault(r.Name) is { } known
                ? new AccessRuleInfo(r.Name, r.Text, known.Text, r.From?.ToString(), known.Description,
                    known.Operations, known.OfSite)
                : new AccessRuleInfo(r.Name, r.Text, null, r.From?.ToString(), "Named by other rules.", [], false))
                .OrderBy(r => r.Name, StringComparer.Ordinal),
        ], [.. faults.Select(f => f.ToString())]);
    }

    /// <exception cref="ProblemException">InvalidRequest; NotAuthenticated, TokenExpired: the token is nobody's.
    /// </exception>
    public async Task<IReadOnlyList<AccessVerdict>> CheckAsync(AccessCheckRequest request, HttpContext? http,
        CancellationToken ct)
    {
        if (request.Token is null == request.Caller is null)
            throw new ProblemException(ReasonCode.InvalidRequest, "either a token or a caller is asked about");
        var target = request.Target;
        foreach (var name in target.Keys.Where(n => !rules.Defaults.TargetAttributes.Contains(n)))
            throw new ProblemException(ReasonCode.InvalidRequest, $"nothing that is asked about has a '{name}'",
                $"There is: {string.Join(", ", rules.Defaults.TargetAttributes.Order(StringComparer.Ordinal))}.");
        var identity = request.Token is { } token
            ? await callers.WhoseAsync(token, http is null ? "" : Callers.AddressOf(http), ct) : null;
        var caller = identity is not null ? RuleCaller.Of(identity) : RuleCaller.Of(request.Caller!);
        var isOfTenant = identity is not null ? identity.Tenant is not null : request.Caller!.Tenant is not null;
        string? RefusedFor(DefaultRule rule) => rule.OfSite && isOfTenant
            ? "it is the site's, and the caller is of a tenant: no rule changes that"
            : identity is { IsLimited: true } && !rules.HoldsByDefault(rule.Name, caller, target)
            ? "the token was made with fewer rights, which do not let by default: no rule changes that" : null;
        var (now, _) = rules.Now();
        var asked = request.Operation is { } operation ? [Find(operation)]
            : rules.Defaults.Rules.Where(r => r.Operations.Count > 0 || r.Name.StartsWith("lifeboat:run_kinds:",
                StringComparison.Ordinal)).ToList();
        return [.. asked.Select(r => Verdict(r, now, caller, target, RefusedFor(r)))];
    }

    private static AccessVerdict Verdict(DefaultRule asked, IReadOnlyDictionary<string, AccessRule> rules,
        IReadOnlyDictionary<string, IReadOnlyList<string>> caller, IReadOnlyDictionary<string, string> target,
        string? refused)
    {
        var rule = rules[asked.Name];
        var question = new RuleQuestion(caller, target, n => rules[n].Check) { Seen = [] };
        var holds = question.Holds(rule.Check);
        return new AccessVerdict(rule.Name, holds && refused is null, rule.Text, rule.From?.ToString(),
            [.. question.Seen.Distinct().Select(s => new AccessCheckSeen(s.Check, s.Holds))],
            refused);
    }

    // By the rule's name, the operation's id, or method and route.
    private DefaultRule Find(string operation)
    {
        var all = rules.Defaults.Rules;
        return all.FirstOrDefault(r => r.Name == operation || r.Operations.Contains(operation)
                || r.Name.EndsWith($":{operation}", StringComparison.Ordinal))
            ?? throw new ProblemException(ReasonCode.InvalidRequest, $"there is no operation '{operation}'",
                Nearest.To(operation, all.Select(r => r.Name)) is { } near ? $"Did you mean {near}?"
                    : "`lifeboat access sample` lists them.");
    }
}
