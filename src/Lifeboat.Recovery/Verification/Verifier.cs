// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Steps;
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Verification;

/// <summary>Looks at all started instances at once; each is first awaited, then checked.</summary>
internal sealed class Verifier(StepContext context, GroupDefinition group, IReadOnlyList<string> checks)
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SettleLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan CommandLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly IProbesGuests _probes = context.Require<IProbesGuests>();
    private readonly List<Check> _checks = [.. checks.Select(c => Check.Parse(c).Check).OfType<Check>()];

    public async Task<IReadOnlyList<Finding>> VerifyAsync(CancellationToken ct)
    {
        var started = context.Output<StartedInstances>().Instances;
        var all = await Task.WhenAll(started.Select(i => VerifyAsync(i, ct)));
        return [.. all.SelectMany(f => f)];
    }

    private async Task<List<Finding>> VerifyAsync(StartedInstance instance, CancellationToken ct)
    {
        var findings = new List<Finding>();
        var description = group.Members.First(m => m.Instance == instance.Member).Description;
        var mine = _checks.Where(c => c.AppliesTo(instance.Member)).ToList();
        if (description.GuestAgent)
        {
            var booted = await BootAsync(instance, mine, ct);
            findings.Add(booted);
            // Without the guest's agent neither addresses nor commands can be asked for.
            if (!booted.Passed) return findings;
            foreach (var nic in description.Nics.Where(n => n.Address is not null))
                findings.Add(await AddressAsync(instance, nic.Mac, nic.Address!, ct));
        }
        foreach (var check in mine.Where(c => c.Kind is CheckKind.Tcp))
            findings.Add(await TcpAsync(instance, check, ct));
        foreach (var check in mine.Where(c => c.Kind is CheckKind.Exec))
            findings.Add(await ExecAsync(instance, check, ct));
        if (findings.Count == 0)
            findings.Add(new(false, $"{instance.Name}: nothing can be seen of it (no guest agent, no checks)"));
        return findings;
    }

    private async Task<Finding> BootAsync(StartedInstance instance, List<Check> mine, CancellationToken ct)
    {
        var limit = mine.FindLast(c => c.Kind is CheckKind.Boot) is { } boot
            ? TimeSpan.FromSeconds(int.Parse(boot.Argument, CultureInfo.InvariantCulture))
            : BootLimit;
        var up = await WithinAsync(limit, () => _probes.AgentAnswersAsync(instance.Name, ct), ct);
        var took = context.Time.GetUtcNow() - instance.StartedAt;
        return up
            ? new(true, $"{instance.Name}: guest agent answered {took.TotalSeconds:0.0} s after the start")
            : new(false, $"{instance.Name}: guest agent did not answer within {limit}");
    }

    private async Task<Finding> AddressAsync(StartedInstance instance, string mac, string address,
        CancellationToken ct)
    {
        IReadOnlyList<string> seen = [];
        var got = await WithinAsync(SettleLimit, async () =>
        {
            var addresses = await _probes.AddressesAsync(instance.Name, ct);
            seen = addresses.TryGetValue(mac.ToLowerInvariant(), out var list) ? list : [];
            return seen.Contains(address);
        }, ct);
        return got
            ? new(true, $"{instance.Name}: {mac} has {address}")
            : new(false, $"{instance.Name}: {mac} has {(seen.Count == 0 ? "no address" : string.Join(", ", seen))}"
                + $"; expected {address}");
    }

    private async Task<Finding> TcpAsync(StartedInstance instance, Check check, CancellationToken ct)
    {
        var port = int.Parse(check.Argument, CultureInfo.InvariantCulture);
        try
        {
            var open = await WithinAsync(SettleLimit, () => _probes.TcpAnswersAsync(instance.Name, port, ct), ct);
            return new(open, $"{instance.Name}: TCP port {port} {(open ? "accepts" : "does not accept")} connections");
        }
        catch (SiteException e) when (e.Fault != SiteFault.InstanceUnknown)
        {
            return new(false, $"{instance.Name}: TCP port {port} could not be tried: {e.Message}");
        }
    }

    private async Task<Finding> ExecAsync(StartedInstance instance, Check check, CancellationToken ct)
    {
        try
        {
            var result = await _probes.RunInGuestAsync(instance.Name, ["/bin/sh", "-c", check.Argument],
                CommandLimit, ct);
            var said = result.Output.Trim();
            return new(result.ExitCode == 0, $"{instance.Name}: `{check.Argument}` exited {result.ExitCode}"
                + (said.Length == 0 ? "" : $": {(said.Length <= 400 ? said : said[..400] + "…")}"));
        }
        catch (Exception e) when (e is SiteException or ProblemException)
        {
            return new(false, $"{instance.Name}: `{check.Argument}` could not be run: {e.Message}");
        }
    }

    private async Task<bool> WithinAsync(TimeSpan limit, Func<Task<bool>> probe, CancellationToken ct)
    {
        var until = context.Time.GetUtcNow() + limit;
        while (true)
        {
            if (await AnswersAsync(probe)) return true;
            if (context.Time.GetUtcNow() >= until) return false;
            await Task.Delay(Look, context.Time, ct);
        }
    }

    // A guest that is still booting cannot be asked: that is an answer too.
    private static async Task<bool> AnswersAsync(Func<Task<bool>> probe)
    {
        try
        {
            return await probe();
        }
        catch (SiteException e) when (e.Fault is SiteFault.AgentUnreachable or SiteFault.Timeout)
        {
            return false;
        }
    }
}
