// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli;

/// <summary>How a group's plan reads.</summary>
internal static class PlanTable
{
    /// <summary>Those that boot together stand together: `db1, db2; web1`.</summary>
    public static string Order(GroupPlan plan) => string.Join("; ", plan.BootOrder.GroupBy(o => o.Value, o => o.Key)
        .OrderBy(o => o.Key).Select(o => string.Join(", ", o.Order(StringComparer.Ordinal))));

    public static void Write(CommandOutput output, GroupPlan plan) => output.WriteFacts(plan,
    [
        ("group", plan.Group),
        .. plan.BootOrder.OrderBy(o => o.Value).Select(o => ("boots", (string?)$"{o.Key}: {o.Value}")),
        .. plan.Checks.Select(c => ("check", (string?)c)),
        .. (plan.Dns?.Names ?? []).Select(n => ("dns", (string?)n.Text())),
        ("dns ttl", plan.Dns is null ? null : Span.Text(plan.Dns.Ttl)),
        ("four eyes", plan.FourEyes ? "yes: moves need a second person" : "no"),
    ]);
}
