// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>
/// Makes a thing of a cloud exactly once, however often it is asked for and whatever answers are lost (I8): it is
/// looked for by a name or mark of ours before each attempt, so what an earlier attempt made is found. Where the cloud
/// wrote a lost attempt down later than we looked, the younger one goes again.
/// </summary>
internal static class MakeOnce
{
    private const int AttemptsMax = 4;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    /// <param name="find">All that has our mark, the oldest first.</param>
    /// <param name="make">One attempt, never repeated by itself.</param>
    /// <param name="drop">Removes one that is too many.</param>
    /// <exception cref="CloudException">It could not be made; with MaybeDone it may still appear.</exception>
    public static async Task<T> RunAsync<T>(Func<CancellationToken, Task<IReadOnlyList<T>>> find,
        Func<CancellationToken, Task<T>> make, Func<T, CancellationToken, Task> drop, TimeProvider time,
        CancellationToken ct) where T : class
    {
        for (var attempt = 1; ; attempt++)
        {
            if (await find(ct) is { Count: > 0 } found)
            {
                foreach (var surplus in found.Skip(1)) await drop(surplus, ct);
                return found[0];
            }
            try
            {
                var made = await make(ct);
                // After a lost answer there may be two by now; the next look keeps one.
                if (attempt == 1) return made;
            }
            catch (CloudException e) when (e.Fault is CloudFault.Conflict or CloudFault.AddressTaken)
            {
                // Somebody of ours was faster: two volumes that go to one appliance, two controllers in a takeover.
                if (await find(ct) is [var there, ..]) return there;
                throw;
            }
            catch (CloudException e) when (e.MaybeDone && attempt < AttemptsMax)
            {
                // A service that lost its answer may still be about to write the thing down.
                await Task.Delay(FirstPause * (1 << (attempt - 1)), time, ct);
            }
        }
    }

    /// <summary>
    /// As <see cref="RunAsync"/>, for what other controllers may make at the same moment: whoever finds that there is
    /// another one, not younger than its own, takes its own back and uses that.
    /// </summary>
    /// <param name="find">All that have our mark, the oldest first; none of them is removed.</param>
    public static async Task<T> SharedAsync<T>(Func<CancellationToken, Task<IReadOnlyList<T>>> find,
        Func<CancellationToken, Task<T>> make, Func<T, CancellationToken, Task> drop,
        Func<T, (string Id, DateTimeOffset? At)> key, TimeProvider time, CancellationToken ct) where T : class
    {
        for (var attempt = 1; ; attempt++)
        {
            if (await find(ct) is [var there, ..]) return there;
            try
            {
                var made = key(await make(ct));
                var all = await find(ct);
                var mine = all.FirstOrDefault(a => key(a).Id == made.Id);
                if (mine is not null && all.All(a => key(a).Id == made.Id || key(a).At > made.At)) return mine;
                if (mine is not null) await drop(mine, ct);
                // Two that took theirs back at the same time do not come again at the same time: ids are random.
                await Task.Delay(FirstPause * (1 + made.Id[0] % 16 / 16d), time, ct);
            }
            catch (CloudException e) when (e.MaybeDone && attempt < AttemptsMax)
            {
                await Task.Delay(FirstPause * (1 << (attempt - 1)), time, ct);
            }
            if (attempt >= 2 * AttemptsMax)
                throw new CloudException(CloudFault.Conflict, "somebody else makes the same thing again and again");
        }
    }
}
