// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>Waits for what a real cloud does in its own time.</summary>
internal static class Patience
{
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public static Task UntilAsync(string what, Func<Task<bool>> holds) => UntilAsync(what, Limit, holds);

    public static async Task UntilAsync(string what, TimeSpan limit, Func<Task<bool>> holds)
    {
        var start = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < limit, $"not within {limit}: {what}");
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        }
    }
}
