import { Controller, Get, Header, Param } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from './caller.js';
import { Problem, PROBLEMS, problemKind, problemType } from './problems.js';

/** What the `type` of a problem leads to: a page for people with every code, so that an error explains itself. */
@Controller('problems')
@ApiExcludeController()
export class ProblemPages {
  @Get()
  @Public()
  @Header('Content-Type', 'text/html; charset=utf-8')
  all(): string {
    return page('Problems', Object.keys(PROBLEMS).map(entry).join('\n'));
  }

  @Get(':code')
  @Public()
  @Header('Content-Type', 'text/html; charset=utf-8')
  one(@Param('code') code: string): string {
    if (!problemKind(code)) throw new Problem('not-found', 'There is no such kind of problem.');
    return page(code, entry(code));
  }
}

/** Only constants of the table are put into the page, never what a caller sent. */
function entry(code: string): string {
  const { status, title, help } = problemKind(code)!;
  return `<h2><a href="${problemType(code)}">${code}</a></h2><p>${status} · ${title}. ${help}</p>`;
}

function page(title: string, content: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} · Dockreg Keys</title>${content}</html>`;
}
