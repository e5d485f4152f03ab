// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Api.Requests;

/// <summary>Whether the request under way is only tried, for what knows where its checks end.</summary>
internal static class DryRun
{
    private static readonly AsyncLocal<bool> Asked = new();

    /// <summary>To be said where all has been checked and nothing has been done yet.</summary>
    /// <exception cref="DryRunEndedException">It was only to be tried.</exception>
    public static void EndsHere()
    {
        if (Asked.Value) throw new DryRunEndedException();
    }

    /// <returns>True: it came to where its checks end. False: it ended before, having nothing to change.</returns>
    public static async Task<bool> TryAsync(Func<Task> work)
    {
        Asked.Value = true;
        try
        {
            await work();
            return false;
        }
        catch (DryRunEndedException)
        {
            return true;
        }
        finally
        {
            Asked.Value = false;
        }
    }
}

/// <summary>A change that was only tried has come to its end.</summary>
internal sealed class DryRunEndedException() : Exception("only tried; nothing was done");
