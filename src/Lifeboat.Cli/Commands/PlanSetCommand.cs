// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class PlanSetCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string[]> _order = new("--boot-order")
    {
        Description = "INSTANCE:NUMBER, lower boots first, equal ones together; may be repeated, others stay",
        HelpName = "ORDER",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _checks = Inputs.Checks();
    private readonly Option<bool> _noChecks = new("--no-checks") { Description = "No checks any more" };

    private readonly DnsInputs _dns = new();

    public PlanSetCommand() : base("plan", "set",
        "Change what a group's runs are made from, at the site where its instances run; checks and names are replaced")
    {
        Add(_group);
        Add(_order);
        Add(_checks);
        Add(_noChecks);
        foreach (var option in _dns.Options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var order = new Dictionary<string, int>(StringComparer.Ordinal);
        var faults = new List<string>();
        foreach (var text in parsed.GetRequiredValue(_order))
        {
            if (text.Split(':') is [var instance, var place]
                && int.TryParse(place, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
                order[instance] = number;
            else faults.Add($"--boot-order '{text}': it is written INSTANCE:NUMBER");
        }
        var checks = parsed.GetRequiredValue(_checks);
        if (parsed.GetValue(_noChecks) && checks.Length > 0) faults.Add("--check and --no-checks are both given");
        var names = _dns.Read(parsed, faults);
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.Usage, "the plan cannot be changed so", null, faults);
        var plan = await session.Controller.ChangePlanAsync(parsed.GetRequiredValue(_group), new PlanChange
        {
            BootOrder = order.Count == 0 ? null : order,
            Checks = checks.Length > 0 || parsed.GetValue(_noChecks) ? checks : null,
            Dns = names,
            DnsTtl = _dns.Ttl(parsed),
        }, ct);
        PlanTable.Write(session.Output, plan);
        return ExitCode.Ok;
    }
}
