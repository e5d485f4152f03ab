// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;

namespace Lifeboat.Testing.Nbd;

/// <summary>
/// Starts processes from one thread that never ends. nbdkit asks the kernel for SIGTERM when its parent dies, and to
/// the kernel the parent is the thread that forked: started from a pool thread, it ends whenever that thread retires.
/// </summary>
public static class LastingStarter
{
    private static readonly BlockingCollection<Action> Work = [];

    static LastingStarter() => new Thread(() =>
    {
        foreach (var start in Work.GetConsumingEnumerable())
            start();
    }) { IsBackground = true, Name = "starter" }.Start();

    public static Process Start(ProcessStartInfo info)
    {
        Process? process = null;
        Exception? failure = null;
        using var done = new ManualResetEventSlim();
        Work.Add(() =>
        {
            try
            {
                process = Process.Start(info);
            }
            catch (Exception e)
            {
                failure = e;
            }
            done.Set();
        });
        done.Wait();
        return process ?? throw new InvalidOperationException($"{info.FileName} did not start", failure);
    }
}
