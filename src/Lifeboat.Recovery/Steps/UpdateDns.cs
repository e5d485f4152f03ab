// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Names;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Leads the names of the group to its instances here. Needs: running instances. Effect: the records of these names.
/// What fails and may pass is tried again for <see cref="Patience"/>; what does not lead here then is a warning, for
/// the instances run. Repeated: what leads here already is left as it is. Not undone: a run that leads back says so.
/// </summary>
[Step("update-dns")]
public sealed record UpdateDns : IStep
{
    /// <summary>How long a step tries; the site goes on trying after the run.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(3);

    public string Describe() => "lead the group's names here (DNS)";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        if (group.Dns is not { Names.Count: > 0 } dns)
            return StepOutcome.Saw("the group has no names in DNS: nothing to do");
        var directions = new NameDirections(context.Here, group);
        var evidence = new List<string>();
        var until = context.Time.GetUtcNow() + Patience;
        IReadOnlyList<(DnsName Name, NameOutcome Outcome)> left = [.. dns.Names.Select(n => (n, Unasked))];
        while (true)
        {
            var next = new List<(DnsName, NameOutcome)>();
            foreach (var (name, before) in left)
            {
                var outcome = before.MayPass ? await directions.LeadAsync(name, ct) : before;
                if (before.MayPass) evidence.AddRange(outcome.Evidence.Except(evidence));
                if (outcome.Problem is not null) next.Add((name, outcome));
                context.Report((double)(dns.Names.Count - next.Count) / dns.Names.Count, name.Name);
            }
            left = next;
            if (left.All(l => !l.Outcome.MayPass) || context.Time.GetUtcNow() >= until) break;
            await Task.Delay(Pause, context.Time, ct);
        }
        return new StepOutcome
        {
            Evidence = evidence,
            Warnings = [.. left.Select(l => l.Outcome.Problem!)],
            Reason = left.Count > 0 ? ReasonCode.NamesNotUpdated : ReasonCode.None,
        };
    }

    private static NameOutcome Unasked { get; } = NameOutcome.Failed("", mayPass: true);
}
