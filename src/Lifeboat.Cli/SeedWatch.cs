// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli;

/// <summary>Says on stderr how far the work on a seed is while its request is waited for.</summary>
internal static class SeedWatch
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);

    public static async Task<SeedInfo> FollowAsync(
        CommandSession session, string group, Task<SeedInfo> work, CancellationToken ct)
    {
        while (await Task.WhenAny(work, Task.Delay(Every, session.Time, ct)) != work)
        {
            ct.ThrowIfCancellationRequested();
            var now = await session.Controller.SeedProgressAsync(group, ct);
            if (now.Work is SeedWork.None || now.Done == 0) continue;
            var took = session.Time.GetUtcNow() - now.Since;
            session.Output.Talk($"{Show.Name(now.Work)}: {Show.Bytes(now.Done)} of {Show.Bytes(now.Total)}, "
                + $"about {Show.Span(took * ((double)(now.Total - now.Done) / now.Done))} left");
        }
        return await work;
    }

    public static void Write(CommandOutput output, SeedInfo seed) => output.WriteFacts(seed,
    [
        ("seed", seed.Directory),
        ("group", $"{seed.Group}, from {seed.PrimarySite} to {seed.RecoverySite}, epoch {seed.Epoch}"),
        ("written", $"{Show.Time(seed.BeganAt)} to {Show.Time(seed.EndedAt)}"),
        ("stored", Show.Bytes(seed.StoredBytes)),
        .. seed.Volumes.Select(v => ("volume", (string?)$"{v.Name}, {Show.Bytes(v.SizeBytes)}")),
    ]);
}
