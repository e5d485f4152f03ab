// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication;

internal static class Together
{
    /// <summary>
    /// Runs loops that live and die together. The first to end, well or badly, cancels the others; its result or
    /// failure is the outcome, once all have ended.
    /// </summary>
    public static async Task<T> RunAsync<T>(CancellationToken ct, params Func<CancellationToken, Task<T>>[] loops)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var running = Array.ConvertAll(loops, loop => loop(stop.Token));
        await Waiting.AnyAsync(running);
        var first = Array.Find(running, loop => loop.IsCompleted)!;
        stop.Cancel();
        foreach (var loop in running) await Waiting.EndAsync(loop);
        return await first;
    }

    /// <summary>A loop that only ever ends by failing or by being cancelled.</summary>
    public static async Task<T> ForeverAsync<T>(Func<CancellationToken, Task> loop, CancellationToken ct)
    {
        await loop(ct);
        throw new InvalidOperationException("a loop without an end has ended");
    }
}
