import { describe, expect, it } from 'vitest';
import { type GiveBack, Slots } from './slots.ts';

const never = new AbortController().signal;

describe('slots', () => {
  it('are given up to their limit', () => {
    const slots = new Slots(2);
    expect([slots.limit, slots.busy, slots.free]).toEqual([2, 0, true]);
    expect(slots.tryTake()).toBeDefined();
    expect(slots.tryTake()).toBeDefined();
    expect([slots.busy, slots.free, slots.tryTake()]).toEqual([2, false, undefined]);
  });

  it('can be taken again once given back, and given back once', () => {
    const slots = new Slots(1);
    const give = slots.tryTake();
    give?.();
    give?.();
    expect(slots.busy).toBe(0);
    expect(slots.tryTake()).toBeDefined();
    give?.();
    expect(slots.busy).toBe(1);
  });

  it('go to those who wait in the order in which they came', async () => {
    const slots = new Slots(1);
    let give: GiveBack | undefined = await slots.take(never);
    const order: string[] = [];
    const waiting = ['first', 'second', 'third'].map((name) =>
      slots.take(never).then((mine) => {
        order.push(name);
        give = mine;
      }),
    );
    for (const one of waiting) {
      give?.();
      expect(slots.tryTake(), 'nobody overtakes').toBeUndefined();
      await one;
    }
    expect(order).toEqual(['first', 'second', 'third']);
    expect(slots.busy).toBe(1);
  });

  it('are not lost with one who gives up waiting', async () => {
    const slots = new Slots(1);
    const give = await slots.take(never);
    const impatient = new AbortController();
    const gone = slots.take(impatient.signal);
    const patient = slots.take(never);
    impatient.abort(new Error('the goal changed'));
    await expect(gone).rejects.toThrow('the goal changed');
    give();
    await expect(patient).resolves.toBeTypeOf('function');
  });

  it('are not given to one who gave up before asking', async () => {
    const slots = new Slots(1);
    const give = slots.tryTake();
    await expect(slots.take(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    give?.();
    expect(slots.free).toBe(true);
  });

  it('are not taken back by a signal that comes after the turn', async () => {
    const slots = new Slots(1);
    const controller = new AbortController();
    const give = slots.tryTake();
    const mine = slots.take(controller.signal);
    give?.();
    controller.abort(new Error('late'));
    await expect(mine).resolves.toBeTypeOf('function');
    expect(slots.busy).toBe(1);
  });

  it('are announced when one is free and nobody waits for it', async () => {
    let announced = 0;
    const slots = new Slots(1, () => announced++);
    const first = await slots.take(never);
    const second = slots.take(never);
    first();
    expect(announced).toBe(0);
    (await second)();
    expect(announced).toBe(1);
  });
});
